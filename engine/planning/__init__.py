"""A batch becomes the list of its rollouts: how many of each domain and mode, and one seeded task for each.

Read planner.py first, then quotas.py and tasks.py. Not here: what a mode makes of a request (engine/modes), and
proving that a task can be done (engine/rolling/prove.py).
"""
