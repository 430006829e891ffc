"""Reads values from outside: JSON with all its digits, JSON Schemas with their references, Python source, and the line
of a refused value in its file. Every other folder may import it.

Read json_value.py first. Not here: the formats of training files (engine/importing, engine/importers).
"""
