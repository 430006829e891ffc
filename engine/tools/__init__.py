"""Where tools come from: one file each, a plug-in that keeps `ToolSource` of engine/protocols.py.

Read python.py first. How a Python function becomes a tool is in engine/domains/signature.py.
"""
