"""What it takes to read calls: names and arguments as models write them, JSON and Python, and where a call is meant.

How single families write is in engine/llms/_notations; _text_calls.py beside this folder puts both together, _wire.py
uses names and arguments for calls of the protocol too. Read notation.py first.
"""
