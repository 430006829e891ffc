"""Stored trajectories, their reviews, and what one browser tab of a reviewer has seen.

Read trajectories.py first. Not here: what a verdict means (engine/reviewing/verdicts.py).
"""
