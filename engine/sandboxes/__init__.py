"""Where tools run: one file each, a plug-in that keeps `SandboxPool` and `Sandbox` of engine/protocols.py.

What they share has a _ : the stream to the tool server inside, open processes, pools. Read local.py first. The
server inside is assets/sandbox.
"""
