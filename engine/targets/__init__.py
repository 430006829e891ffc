"""Trainers to export for: one plug-in file each, with one Target for each way of training.

A file holds `FORMS`, its targets by name: `sft` is chosen by the file's name alone (`trl`), any other as `trl/NAME`.
`engine/exporting/target.py` defines Target and finds them. The rows themselves are written by engine/exporters.
"""
