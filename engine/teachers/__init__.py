"""Who plays the assistant: one file each, a plug-in that keeps `Teacher` of engine/protocols.py.

Read reference.py first, then llm.py.
"""
