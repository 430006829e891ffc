"""The engine's side of the database: claims with a heartbeat, results, requests of the pages, and who is alive.

Read store.py first. Not here: the pages' side of a batch (storage/generating).
"""
