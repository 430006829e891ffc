"""Example objects for tests, a module for each kind. Nothing here opens a database, an engine or a pool."""
