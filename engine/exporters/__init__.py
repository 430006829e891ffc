"""Formats of datasets: one file each, a plug-in that keeps `Exporter` of engine/protocols.py.

Read chat_jsonl.py first. What every format uses is in engine/exporting.
"""
