"""Programs that play recorded replies in an unpacked package through the framework's own loop, each run by the Python
in which that framework is installed:

    PYTHON tests/environments/runners/<framework>.py PACKAGE CASES

CASES is a JSON file with a list of {"task", "replies"}; the last line of the output is the list of what each earned.
"""
