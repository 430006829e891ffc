"""Tools that create, change and move files."""

import shutil

import _drive
import _tables


def write_text(path: str, text: str, overwrite: bool = False) -> dict:
    """Write a new text file. Refuses when the file exists, unless overwrite is true.

    Args:
        path: The new file, with its extension (txt, md, html, yaml, ...).
        text: The whole content. A line end is added when it is missing.
        overwrite: Replace an existing file. Only when the user has asked for that.

    Effect: write
    """
    found = _drive.new_file(path, overwrite)
    if found.suffix.lower() not in _drive.TEXT:
        raise ValueError(f"'{path}' would be no text file.")
    text = text if text.endswith("\n") else text + "\n"
    _drive.save(found, text)
    return {"path": path, "lines": len(text.splitlines())}


def append_line(path: str, line: str) -> dict:
    """Add one line at the end of an existing text file.

    Args:
        path: The text file.
        line: The line to add, exactly as it is to stand there.

    Effect: write
    """
    text = _drive.text_of(path)
    if "\n" in line.strip("\n"):
        raise ValueError("Give a single line.")
    text += "" if text.endswith("\n") or not text else "\n"
    text += line.strip("\n") + "\n"
    _drive.save(_drive.file(path), text)
    return {"path": path, "line": len(text.splitlines()), "text": line.strip("\n")}


def replace_text(path: str, old: str, new: str) -> dict:
    """Replace a text that stands in a text file by another, everywhere in that file.

    Args:
        path: The text file.
        old: The text to replace, exactly as it stands there.
        new: The text to put in its place.

    Effect: write
    """
    text = _drive.text_of(path)
    times = text.count(old) if old else 0
    if not times:
        raise LookupError(f"'{old}' does not stand in '{path}'. Nothing was changed.")
    _drive.save(_drive.file(path), text.replace(old, new))
    return {"path": path, "replaced": times}


def move_file(path: str, target: str) -> dict:
    """Move or rename one file. Folders that are missing on the way are made; an existing target is refused.

    Args:
        path: The file as it is now.
        target: Its new path, with the file name.

    Effect: write
    """
    source, found = _drive.file(path), _drive.new_file(target)
    found.parent.mkdir(parents=True, exist_ok=True)
    source.rename(found)
    return {"moved": path, "target": target}


def copy_file(path: str, target: str) -> dict:
    """Copy one file. Folders that are missing on the way are made; an existing target is refused.

    Args:
        path: The file to copy.
        target: Path of the copy, with the file name.

    Effect: write
    """
    source, found = _drive.file(path), _drive.new_file(target)
    found.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, found)
    return {"copied": path, "target": target}


def delete_file(path: str) -> dict:
    """Delete one file for good. There is no bin to get it back from.

    Args:
        path: The file.

    Effect: write
    """
    _drive.file(path).unlink()
    return {"deleted": path}


def write_table(
    path: str, columns: list[str], rows: list[dict[str, str | float]], overwrite: bool = False
) -> dict:
    """Write rows as a new table file. Refuses when the file exists, unless overwrite is true.

    Args:
        path: The new file; its extension (csv, tsv, json, jsonl, md) decides the format.
        columns: The columns to write, in this order.
        rows: One object per row, from column to value.
        overwrite: Replace an existing file. Only when the user has asked for that.

    Effect: write
    """
    if not columns or len(set(columns)) != len(columns):
        raise ValueError("Give at least one column, each only once.")
    found = _drive.new_file(path, overwrite)
    _drive.save(found, _tables.dump(found, columns, rows))
    return {"path": path, "rows": len(rows)}


def convert_table(path: str, target: str, sheet: str | None = None) -> dict:
    """Write a table again in another format (csv, tsv, json, jsonl or md). The original stays.

    Args:
        path: The table to read: csv, tsv, xlsx, json or jsonl.
        target: The new file; its extension decides the format.
        sheet: Sheet of a workbook, when it has several.

    Effect: write
    """
    found = _drive.new_file(target)
    columns, rows = _tables.load(path, sheet)
    if _tables.is_plain(path) and _tables.is_plain(target, ".md"):
        columns, rows = _tables.raw(path)
    _drive.save(found, _tables.dump(found, columns, rows))
    return {"path": path, "target": target, "rows": len(rows), "columns": columns}


def set_cell(path: str, key_column: str, key: str, column: str, value: str | float) -> dict:
    """Change one cell of a csv or tsv file, in the row whose key column holds the key.

    Args:
        path: The csv or tsv file.
        key_column: Column that identifies the row, for example "claim_id".
        key: Value of that column in the row.
        column: Column to change.
        value: The new value.

    Effect: write
    """
    columns, rows = _tables.raw(path)
    key_column, column = _tables.column(columns, key_column), _tables.column(columns, column)
    fitting = [row for row in rows if _tables.same(row[key_column], key)]
    if len(fitting) != 1:
        raise LookupError(f"{len(fitting)} rows of '{path}' have {key_column} '{key}', not one. Nothing was changed.")
    before = fitting[0][column]
    fitting[0][column] = _tables.cell(value)
    found = _drive.file(path)
    _drive.save(found, _tables.dump(found, columns, rows))
    return {"path": path, key_column: key, "column": column, "before": before, "after": fitting[0][column]}


def append_row(path: str, values: dict[str, str | float]) -> dict:
    """Add one row at the end of a csv or tsv file.

    Args:
        path: The csv or tsv file.
        values: The row, from column to value. Every column of the table must be given.

    Effect: write
    """
    columns, rows = _tables.raw(path)
    known = {_tables.column(columns, name): value for name, value in values.items()}
    absent = [name for name in columns if name not in known]
    if absent:
        raise ValueError(f"A value is missing for: {', '.join(absent)}. Nothing was added.")
    found = _drive.file(path)
    _drive.save(found, _tables.dump(found, columns, [*rows, known]))
    return {"path": path, "rows": len(rows) + 1, "added": known}
