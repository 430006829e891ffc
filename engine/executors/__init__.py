"""How many rollouts are kept in flight. There is one executor, for this machine, and no choice among several: it is no
kind of plug-in, and its protocol stands beside it in local.py.
"""
