"""Tools that read and combine tables (csv, tsv, xlsx, json, jsonl)."""

from typing import Literal

import _drive
import _tables


def read_table(path: str, sheet: str | None = None, first_row: int = 1, max_rows: int = 20) -> dict:
    """Read rows of a table: csv, tsv, json, jsonl or one sheet of an Excel workbook.

    Args:
        path: The table file.
        sheet: Sheet of a workbook, when it has several.
        first_row: First row to read, counted from 1 without the heading.
        max_rows: Most rows to return, up to 60.

    Effect: read
    """
    columns, rows = _tables.load(path, sheet)
    if first_row < 1 or not 1 <= max_rows <= _tables.MOST_ROWS:
        raise ValueError("first_row starts at 1, and max_rows is between 1 and 60.")
    shown = rows[first_row - 1 : first_row - 1 + max_rows]
    return {"path": path, "columns": columns, "rows_total": len(rows), "rows": shown}


def describe_table(path: str, sheet: str | None = None) -> dict:
    """Summarise a table: its number of rows, and for each column its kind, blanks, distinct values, smallest and largest.

    Args:
        path: The table file.
        sheet: Sheet of a workbook, when it has several.

    Effect: read
    """
    columns, rows = _tables.load(path, sheet)
    summary = []
    for name in columns:
        cells = [row[name] for row in rows if row[name] not in ("", None)]
        numeric = bool(cells) and all(isinstance(c, int | float) and not isinstance(c, bool) for c in cells)
        order = cells if numeric else [str(c) for c in cells]
        summary.append({
            "column": name,
            "kind": "number" if numeric else "text",
            "blank": len(rows) - len(cells),
            "distinct": len(set(order)),
            "smallest": min(order) if order else None,
            "largest": max(order) if order else None,
        })
    return {"path": path, "rows": len(rows), "columns": summary}


def list_sheets(path: str) -> dict:
    """List the sheets of an Excel workbook with their columns and numbers of rows.

    Args:
        path: The xlsx file.

    Effect: read
    """
    if _drive.file(path).suffix.lower() != ".xlsx":
        raise ValueError(f"'{path}' is no Excel workbook.")
    found = []
    for title in _tables.sheets(path):
        columns, rows = _tables.load(path, title)
        found.append({"sheet": title, "columns": columns, "rows": len(rows)})
    return {"path": path, "sheets": found}


def filter_rows(
    path: str,
    column: str,
    operator: Literal["equals", "not_equals", "contains", "greater_than", "at_least", "less_than", "at_most"],
    value: str | float,
    sheet: str | None = None,
) -> dict:
    """Return the rows of a table that meet one condition, in the order of the table.

    At most 60 rows are listed; count tells how many there are.

    Args:
        path: The table file.
        column: Column that the condition looks at.
        operator: How the cell is compared with the value. Dates compare as YYYY-MM-DD.
        value: Value to compare with.
        sheet: Sheet of a workbook, when it has several.

    Effect: read
    """
    columns, rows = _tables.load(path, sheet)
    name = _tables.column(columns, column)
    found = [row for row in rows if _tables.compare(row[name], operator, value)]
    return {"path": path, "columns": columns, "count": len(found), "rows": found[: _tables.MOST_ROWS]}


def top_rows(
    path: str, column: str, count: int, order: Literal["largest", "smallest"] = "largest", sheet: str | None = None
) -> dict:
    """Return the rows with the largest or smallest values of a column, best first. Ties keep the table's order.

    Args:
        path: The table file.
        column: Column to sort by.
        count: How many rows to return, up to 60.
        order: Whether the largest or the smallest values come first.
        sheet: Sheet of a workbook, when it has several.

    Effect: read
    """
    columns, rows = _tables.load(path, sheet)
    name = _tables.column(columns, column)
    if not 1 <= count <= _tables.MOST_ROWS:
        raise ValueError("count is between 1 and 60.")
    filled = [row for row in rows if row[name] not in ("", None)]
    numeric = all(isinstance(row[name], int | float) for row in filled)
    filled.sort(key=lambda row: row[name] if numeric else str(row[name]).lower(), reverse=order == "largest")
    return {"path": path, "columns": columns, "rows": filled[:count]}


def aggregate_table(
    path: str,
    measure: Literal["sum", "mean", "count", "min", "max"],
    column: str | None = None,
    group_by: str | None = None,
    where: dict[str, str | float] | None = None,
    order: Literal["name", "largest", "smallest"] = "name",
    limit: int | None = None,
    sheet: str | None = None,
) -> dict:
    """Add up, average or count a column of a table, over all rows or for each value of another column.

    With group_by the result has one row per group, in the columns <group_by> and <column>_<measure> (or count).
    Without it, value is the one figure. Figures are rounded to two decimals.

    Args:
        path: The table file.
        measure: What to compute.
        column: Column of numbers. Not needed for count.
        group_by: Column whose values make the groups.
        where: Only rows whose cells equal these values, from column to value.
        order: Order of the groups: by name, or by figure with the largest or smallest first.
        limit: Keep only so many groups, after ordering.
        sheet: Sheet of a workbook, when it has several.

    Effect: read
    """
    columns, rows = _tables.load(path, sheet)
    rows = _tables.where(columns, rows, where)
    if measure != "count" and column is None:
        raise ValueError(f"Name the column for {measure}.")
    if group_by is None:
        return {"path": path, "measure": measure, "column": column, "rows_used": len(rows),
                "value": _figure(path, columns, rows, measure, column)}
    group = _tables.column(columns, group_by)
    title = "count" if measure == "count" else f"{_tables.column(columns, column)}_{measure}"
    names = sorted({str(row[group]) for row in rows})
    found = [
        {group: name, title: _figure(path, columns, [r for r in rows if str(r[group]) == name], measure, column)}
        for name in names
    ]
    if order != "name":
        found.sort(key=lambda row: row[title], reverse=order == "largest")
    return {"path": path, "columns": [group, title], "rows_used": len(rows), "rows": found[:limit]}


def _figure(path, columns, rows, measure, column):
    if measure == "count":
        return len(rows)
    cells = _tables.numbers(path, columns, rows, column)
    value = {"sum": sum(cells), "mean": sum(cells) / len(cells), "min": min(cells), "max": max(cells)}[measure]
    return round(value, 2)


def join_tables(left: str, right: str, key: str, columns: list[str], right_key: str | None = None) -> dict:
    """Join two tables: each row of the left table with the rows of the right one that hold the same key.

    Rows without a partner are left out. At most 60 rows are listed; count tells how many there are.

    Args:
        left: The first table file.
        right: The second table file.
        key: Key column of the left table.
        columns: Columns of the result, from either table. The left one wins where both have it.
        right_key: Key column of the right table. Default is the same name.

    Effect: read
    """
    names, rows = _tables.load(left)
    others, partners = _tables.load(right)
    near, far = _tables.column(names, key), _tables.column(others, right_key or key)
    wanted = [_tables.column([*names, *others], name) for name in columns]
    found = []
    for row in rows:
        for partner in partners:
            if _tables.same(row[near], partner[far]):
                found.append(_tables.pick({**partner, **row}, wanted))
    return {"columns": wanted, "count": len(found), "rows": found[: _tables.MOST_ROWS]}


def compare_tables(first: str, second: str, key: str, column: str | None = None) -> dict:
    """Compare two tables row by row: which keys were added or removed, and which cells changed.

    Args:
        first: The earlier table file.
        second: The later table file.
        key: Column that identifies a row in both.
        column: Compare only this column. Default is every column that both have.

    Effect: read
    """
    names, before = _tables.load(first)
    others, after = _tables.load(second)
    left, right = _tables.column(names, key), _tables.column(others, key)
    old, new = {str(row[left]): row for row in before}, {str(row[right]): row for row in after}
    if len(old) < len(before) or len(new) < len(after):
        raise ValueError(f"'{key}' is not unique, so the rows cannot be matched.")
    looked_at = [_tables.column(names, column)] if column else [n for n in names if n in others and n != left]
    changed = [
        _changed(left, name, field, old[name][field], new[name].get(field, ""))
        for name in old
        if name in new
        for field in looked_at
        if not _tables.same(old[name][field], new[name].get(field, ""))
    ]
    return {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed_count": len(changed),
        "changed": changed[: _tables.MOST_ROWS],
    }


def _changed(key, name, field, before, after):
    entry = {key: name, "column": field, "before": before, "after": after}
    if all(isinstance(v, int | float) for v in (before, after)):
        entry["difference"] = round(after - before, 2)
    return entry
