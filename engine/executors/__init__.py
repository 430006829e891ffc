"""How many rollouts are kept in flight: one file each, a plug-in that keeps `Executor` of engine/protocols.py.

There is one, for this machine.
"""
