"""Exports go to the Hugging Face hub and to object stores, and come back from there.

`places.py` reads an address, `push.py` and `pull.py` do the rest; `hub.py` alone knows huggingface_hub and `stores.py`
alone fsspec.
"""
