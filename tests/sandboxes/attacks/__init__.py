"""What a tool or command, or code that a model wrote, may try against its sandbox: one file per kind of attack.

Each attack has a harmless twin that passes first, so that no attack counts as stopped because nothing works.
"""
