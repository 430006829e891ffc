"""What an export says of itself: the dataset card, the files of its batches, and croissant.json.

Read card.py first. Not here: the report, which counts what became of each trajectory (engine/exporting/report.py).
"""
