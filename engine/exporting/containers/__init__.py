"""Writes encoded rows into files: JSON Lines, JSON arrays or Parquet, compressed or not, whole or in shards.

Read files.py first. Not here: which rows there are (engine/exporting/convert.py) and the zip around the files.
"""
