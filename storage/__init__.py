"""The database: tables, migrations and queries. Rows are not domain types; the modules here turn one into the other.

One folder per job, as in pages/; what several jobs share stands beside them. Read database.py and tables.py first, then
intake/rows.py, which writes a trajectory, and serving/store.py, which is all that a running batch needs.
"""
