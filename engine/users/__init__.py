"""Who plays the simulated user: one file each, a plug-in that keeps `User` of engine/protocols.py.

Read reference.py first, then llm.py. How a persona opens and closes is in engine/dialogue/phrases.py.
"""
