"""Exports that were ordered, their results, and which trajectories a recipe takes.

Read exports.py first. Not here: building the files (engine/exporting).
"""
