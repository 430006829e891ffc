"""Charts and the funnel, aggregated in SQL, and the way back from a bar to its trajectories.

Read analytics.py first.
"""
