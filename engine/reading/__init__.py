"""Values that strangers wrote: JSON with all its digits, JSON Schemas with their references, and where in a file a
refused value stands. Part of the ground: every room may use it.

Read json_value.py first. Not here: the formats of training files (engine/importing, engine/importers).
"""
