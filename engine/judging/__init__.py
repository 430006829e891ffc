"""The scores of a trajectory, and whether its batch keeps it.

Read scoring.py first. The judges themselves are plug-ins in engine/judges. Verdicts of humans, which overrule judges,
are in engine/reviewing.
"""
