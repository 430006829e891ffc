"""Ways to reach a model: one file each, a plug-in that keeps `LLM` of engine/protocols.py.

What they share has a _ : the chat interface, retries, faults, and calls written as text (how each family of models
writes them is one file in _notations/). Read openai_compatible.py first.
Opening one for a batch is in engine/running/models.py.
"""
