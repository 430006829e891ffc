"""What was asked to be exported, what came of it, and which trajectories that takes.

Read exports.py first. Not here: building the files (engine/exporting).
"""
