"""Storing trajectories: from a running batch and from imported files.

Read rows.py first, which both use. Not here: reading the formats of files (engine/importing).
"""
