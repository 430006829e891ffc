"""What the queue lists and what people said of it: stored trajectories, verdicts, and one browser tab of a reviewer.

Read trajectories.py first. Not here: what a verdict means (engine/reviewing/verdicts.py).
"""
