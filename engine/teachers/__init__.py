"""Teachers, which play the assistant: one plug-in file each, with the protocol `Teacher` of engine/protocols.py.

Read reference.py first, then llm.py.
"""
