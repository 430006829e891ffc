"""Consumers to export for: one plug-in file each, with one Target for each way of using it.

A file holds `FORMS`, its targets by name. The file's name alone (`trl`) means the form `sft`, or the only form that
there is; any other is chosen as `trl/NAME`. `engine/exporting/target.py` defines Target and finds
them. The rows themselves are written by engine/exporters.
"""
