"""The scores of a trajectory, and whether its batch keeps it.

Read scoring.py first. The judges themselves are plug-ins (engine/judges); what a human says of a trajectory stands
above them and is in engine/reviewing.
"""
