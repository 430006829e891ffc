"""The engine as a process: it claims batches, answers what pages ask, and keeps sandboxes warm.

Read worker.py first. Not here: what a batch does once it runs (engine/running), and the tables that both sides share
(storage).
"""
