"""Sandboxes, in which tools run: one plug-in file each, with the protocols `SandboxPool` and `Sandbox` of
engine/protocols.py.

Read local.py first. Files with a `_` are shared by both: the stream to the tool server inside a sandbox, open processes
and the warm pool. The tool server itself is in assets/sandbox.
"""
