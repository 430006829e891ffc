from tests.storage.fixtures import db, postgres_server, sqlite_db, url

__all__ = ["db", "postgres_server", "sqlite_db", "url"]
