"""What gives scores: one file each, a plug-in that keeps `Judge` of engine/protocols.py.

Read state.py first. What becomes of scores is in engine/judging.
"""
