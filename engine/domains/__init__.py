"""A pack, which is a folder of files, becomes a Domain: its tools, templates, slots, personas and questions.

Read catalog.py first, which parses a pack; pack_files.py reads folders and zips. Not here: which task a template gives
for one dialogue (engine/planning/tasks.py), and packs in the database (storage/designing/domains.py).
"""
