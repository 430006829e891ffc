"""Plans a batch: how many rollouts of each domain, mode and number of turns, and a seeded task for each.

Read planner.py first, then quotas.py and tasks.py. Not here: how a mode changes a request (engine/modes), and
the proof that a task can be solved (engine/rolling/prove.py).
"""
