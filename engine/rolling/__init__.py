"""One RolloutSpec becomes one Trajectory, always.

Read rollout.py first, of this folder and of the whole engine. Not here: many rollouts at once (engine/running).
"""
