"""Formats of training files that can be read: one file each, a plug-in that keeps `Importer` of engine/protocols.py.

What they share has a _ : messages, calls, tools, thoughts, flags. Read chat_jsonl.py first. Lines and the report are
in engine/importing.
"""
