from tests.storage.database_fixtures import (
    db,
    empty_url,
    migrated_database,
    migrated_file,
    postgres_server,
    sqlite_db,
    url,
)

__all__ = ["db", "empty_url", "migrated_database", "migrated_file", "postgres_server", "sqlite_db", "url"]
