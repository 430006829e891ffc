"""A training file becomes trajectories, one at a time, with a report of what came in, was set aside and was lost.

Read read.py first. The formats are plug-ins (engine/importers); storing what came in is storage/intake/imports.py.
"""
