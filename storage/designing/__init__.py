"""Domain packs, personas and shared tools: versions by name, shipped and the user's own.

Read domains.py first. Not here: what a pack means (engine/domains).
"""
