"""What a recipe changes of a record before its format writes it: the names of tools, labels, and the length.

Read altered.py first. Not here: what reviewers change (engine/exporting/reviewed.py), and what a format cannot carry.
"""
