"""Turns a training file into trajectories, one at a time, with a report of what was imported, set aside and lost.

Read read.py first. The formats are plug-ins (engine/importers); storage/intake/imports.py stores the trajectories.
"""
