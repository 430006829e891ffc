"""The engine as a process: it claims batches, answers what pages ask, and keeps sandboxes warm.

Read worker.py first. How a batch is worked on is in engine/running, the tables that engine and pages share in storage.
"""
