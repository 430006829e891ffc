"""How families of models write a call into their text: one file each, found by listing this folder.

A file holds `NOTATION` (engine/llms/_calls/notation.py says what that is): what a call begins with, a function that
reads it, and samples. A file that is dropped in is used, and tests/llms/test_notations.py tries its samples. Whether a
text that fits a notation is a call, or only quoted, is decided in engine/llms/_text_calls.py, the same for all. Read
hermes.py first; files that start with _ are shared parts.
"""
