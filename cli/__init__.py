"""The command line: `python -m engine COMMAND`. It puts engine and storage together, as app.py does for the studio.

Read main.py first: it lists the commands and the files that hold them, one function each. Not here: reading batch files
(engine/planning/batch_file.py), since pages read them too.
"""
