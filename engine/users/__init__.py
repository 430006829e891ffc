"""Simulated users: one plug-in file each, with the protocol `User` of engine/protocols.py.

Read reference.py first, then llm.py. What a model may say as a person is in
engine/hygiene/user_guard.py; how a persona opens and closes a dialogue is in engine/dialogue/phrases.py.
"""
