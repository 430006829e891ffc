"""Full-text search over what was said: user and assistant texts and the names of called tools.

Words match by their beginnings and all of them must occur; a name_with_parts must occur in this order, and so
must text in double quotes, which is matched whole. Letter case and diacritics do not matter.
Whatever a user types is taken as words, never as query syntax.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, column, delete, false, func, literal, select, table, text
from sqlalchemy.sql.expression import Select

from engine.reading.json_value import loads, text_without_surrogates
from storage import tables

LONGEST = 20_000
"""Characters of a trajectory that are indexed."""
_WORD = re.compile(r"[^\W_]+")
_NAME = re.compile(r"\w+")
_PHRASE = re.compile(r'"([^"]*)"')
_MOST_WORDS = 24
"""Words of a query that are used; the rest is ignored."""
_search = table("trajectory_search", column("rowid"), column("trajectory_id"), column("document"))


def document(said: Iterable[str], names: Iterable[str]) -> str:
    """Return the searchable text of a trajectory from what was said and the names of called tools."""
    return plain("\n".join((*said, *names)))[:LONGEST]


def document_of_body(body: str) -> str:
    """Return the same from a stored body (JSON), whatever version of the code wrote it."""
    turns = loads(body).get("turns", ())
    said = [t["content"] for t in turns if t["role"] in ("user", "assistant") and t.get("content")]
    return document(said, dict.fromkeys(c["name"] for t in turns for c in t.get("tool_calls", ())))


def plain(value: str) -> str:
    """Return the text without what a database cannot hold: NUL becomes a space, a lone surrogate U+FFFD."""
    if "\x00" in value:
        value = value.replace("\x00", " ")
    return text_without_surrogates(value)


def insert(connection: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Add the texts of trajectories to the index."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO trajectory_search (rowid, content) VALUES (?, ?)", list(rows))
    else:
        connection.exec_driver_sql(
            "INSERT INTO trajectory_search (trajectory_id, document) VALUES (%s, to_tsvector('simple', %s))",
            [(number, _folded(said)) for number, said in rows],
        )


def delete_batch(connection: Connection, batch_id: int) -> None:
    """Forget the texts of one batch."""
    forget(connection, select(tables.trajectory.c.id).where(tables.trajectory.c.batch_id == batch_id))


def forget(connection: Connection, chosen: Select[tuple[int]] | Sequence[int]) -> None:
    """Forget the texts of the chosen trajectory ids. On PostgreSQL the foreign key does it."""
    if connection.dialect.name == "sqlite":
        connection.execute(delete(_search).where(_search.c.rowid.in_(chosen)))


def matching(dialect: str, query: str) -> Select[tuple[int]] | None:
    """Return a SELECT of the matching trajectory ids; None when the query holds no word at all."""
    phrases = [(_WORD.findall(p), False) for p in _PHRASE.findall(query)]
    words = [(_WORD.findall(name), True) for name in _NAME.findall(_PHRASE.sub(" ", query))]
    terms = [t for t in (*phrases, *words) if t[0]][:_MOST_WORDS]
    if not terms:
        return None
    if dialect == "sqlite":
        match = " AND ".join(f'"{" ".join(parts)}"' + ("*" if open_ended else "") for parts, open_ended in terms)
        return select(_search.c.rowid).where(text("trajectory_search MATCH :words").bindparams(words=match))
    folded = [(_folded(" ".join(parts)).split(), open_ended) for parts, open_ended in terms]
    wanted = " & ".join("(" + " <-> ".join(parts) + (":*)" if more else ")") for parts, more in folded if parts)
    return select(_search.c.trajectory_id).where(
        _search.c.document.op("@@")(func.to_tsquery("simple", literal(wanted)))
    )


def _folded(value: str) -> str:
    """Do for PostgreSQL what the tokenizer of SQLite does: bare words without case and diacritics."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c))
    return " ".join(_WORD.findall(bare.casefold()))


def clause(dialect: str, query: str) -> ColumnElement[bool]:
    """Return the condition on the trajectory table. Text without any word matches nothing."""
    found = matching(dialect, query)
    return false() if found is None else tables.trajectory.c.id.in_(found)
