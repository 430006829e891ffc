"""Runs rollouts, a bounded number at once. There is one executor, for this machine, so executors are no plug-ins;
local.py holds it and its protocol.
"""
