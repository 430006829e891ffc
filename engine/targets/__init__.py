"""Trainers that a file can be made for: one file each, and in it one Target for each way of training.

A file holds `FORMS`, by the name of the form; `sft` goes by the bare name of the file (`trl`), another one as
`trl/NAME`. `engine/exporting/target.py` says what a Target states, and looks them up. Which bytes a row has is the
matter of engine/exporters.
"""
