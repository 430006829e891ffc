"""Formats of datasets: one plug-in file each, which implements `Exporter` of engine/protocols.py.

Read chat_jsonl.py first. What several formats use is in engine/exporting.
"""
