"""Tool sources: one plug-in file each, with the protocol `ToolSource` of engine/protocols.py.

Read python.py first. How a Python function becomes a tool is in engine/domains/signature.py.
"""
