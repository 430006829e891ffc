"""Claims against results: what an answer states and no tool, user or policy gave, or an earlier result contradicts.

Read dialogue.py first. Everything here is pure and asks no model; what is understood of language is English.
"""
