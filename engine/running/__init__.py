"""One batch, from its first rollout to its last: many in flight, what they spend, and when to pause or stop.

Read runner.py first. Not here: which batch runs in which process (engine/serving/worker.py).
"""
