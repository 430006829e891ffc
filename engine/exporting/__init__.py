"""Turns stored trajectories into the files of a dataset, with a report and a dataset card.

Read build.py first, then convert.py. Formats (engine/exporters) and trainers (engine/targets) are plug-ins.
"""
