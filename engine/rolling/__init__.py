"""One RolloutSpec becomes one Trajectory, always.

Read rollout.py first, of this folder and of the whole engine. Many rollouts at once are in engine/running.
"""
