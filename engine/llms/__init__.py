"""Ways to reach a model: one plug-in file each, which implements `LLM` of engine/protocols.py.

Read openai_compatible.py first. Files that start with _ are shared: chat, retries, errors, calls written as text.
engine/running/models.py opens the models of a batch.
"""
