"""The command line: `python -m engine COMMAND`. It puts engine and storage together, as app.py does for the studio.

Read main.py first: one function a command. Here too: filters as options, and a batch run in the foreground. What a
batch file says is read in engine/planning/batch_file.py, since pages read such files too.
"""
