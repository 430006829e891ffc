"""Judges, which score trajectories: one plug-in file each, with the protocol `Judge` of engine/protocols.py.

Read state.py first. How scores become an outcome and a decision is in engine/judging.
"""
