"""One batch, from its first rollout to its last: rollouts in flight, budgets, and when to pause or stop.

Read runner.py first. Which batch runs in which process is decided in engine/serving/worker.py.
"""
