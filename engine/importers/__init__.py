"""Formats of training files that can be read: a plug-in file each, implementing `Importer` of engine/protocols.py.

Read chat_jsonl.py first. Files that start with _ are shared by the formats. Lines and the report are in
engine/importing.
"""
