"""Stored trajectories become the files of a dataset, with a report and a dataset card.

Read build.py first, then convert.py. The formats are plug-ins (engine/exporters), and so are the trainers that they are
for (engine/targets).
"""
