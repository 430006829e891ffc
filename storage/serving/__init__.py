"""The engine's side of the database: claims with a heartbeat, results, requests of the pages, running engines.

Read store.py first. Not here: the pages' side of a batch (storage/generating).
"""
