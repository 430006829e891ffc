"""How trajectories come in: from a batch that runs and from files that are imported.

Read rows.py first, which both use. Not here: reading the formats of files (engine/importing).
"""
