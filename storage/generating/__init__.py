"""The pages' side of a batch: launch, list, command, plan, pace, budget, recovery; and the models it may ask.

Read batches.py first. Not here: what the running engine reads and writes (storage/serving).
"""
