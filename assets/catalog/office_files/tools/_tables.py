"""Reads and writes tables: csv, tsv, xlsx, json and jsonl lists of objects. Rows are dicts, numbers are numbers."""

import csv
import io
import json
import re

import _drive

MOST_ROWS = 60
READABLE = ".csv, .tsv, .xlsx, .json or .jsonl"


def load(path, sheet=None):
    """Return (columns, rows) of a table file."""
    found = _drive.file(path)
    suffix = found.suffix.lower()
    if suffix == ".xlsx":
        return _workbook(path, found, sheet)
    if sheet is not None:
        raise ValueError(f"'{path}' has no sheets. Leave out the sheet.")
    if suffix in (".csv", ".tsv"):
        columns, rows = raw(path)
        return columns, [{name: number(cell) for name, cell in row.items()} for row in rows]
    if suffix in (".json", ".jsonl"):
        return _objects(path, found)
    raise ValueError(f"'{path}' is no table. Tables are {READABLE} files.")


def raw(path):
    """Return (columns, rows) of a csv or tsv file with every cell as it is written."""
    found = _drive.file(path)
    if found.suffix.lower() not in (".csv", ".tsv"):
        raise ValueError(f"'{path}' is no .csv or .tsv file.")
    with open(found, encoding="utf-8-sig", newline="") as source:
        reader = csv.DictReader(source, delimiter=delimiter(found))
        rows = [{name: row.get(name) or "" for name in reader.fieldnames or []} for row in reader]
        return list(reader.fieldnames or []), rows


def is_plain(path, *others):
    """Whether a file holds cells as text, so that they can be copied as they are written."""
    return _drive.locate(path).suffix.lower() in (".csv", ".tsv", *others)


def delimiter(found):
    return "\t" if found.suffix.lower() == ".tsv" else ","


def dump(found, columns, rows):
    """Return the text of a table in the format that the file name asks for."""
    suffix = found.suffix.lower()
    if suffix in (".json", ".jsonl"):
        records = [{name: _plain(value) for name, value in pick(row, columns).items()} for row in rows]
        if suffix == ".json":
            return json.dumps(records, indent=2, ensure_ascii=False) + "\n"
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    if suffix == ".md":
        lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        lines += ["| " + " | ".join(cell(row.get(name, "")) for name in columns) + " |" for row in rows]
        return "\n".join(lines) + "\n"
    if suffix in (".csv", ".tsv"):
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter(found), lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([cell(row.get(name, "")) for name in columns] for row in rows)
        return text.getvalue()
    raise ValueError(f"Tables are written as .csv, .tsv, .json, .jsonl or .md, not as '{suffix}'.")


def pick(row, columns):
    return {name: row.get(name, "") for name in columns}


def _plain(value):
    """A whole number is written without a fraction, however it was passed."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def cell(value):
    """Return a cell as text: 12.0 is written 12, so that equal numbers look equal."""
    if isinstance(value, bool) or not isinstance(value, float):
        return "" if value is None else str(value)
    return format(value, ".12g")


def number(text):
    """Return the number that a cell holds, or the text."""
    if not isinstance(text, str) or not re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", text):
        return text
    return float(text) if "." in text else int(text)


def tidy(value):
    """Round a result: two decimals, four below one."""
    if not isinstance(value, float):
        return value
    return round(value, 2 if abs(value) >= 1 else 4)


def column(columns, name):
    """Return the name of a column as the table writes it; upper and lower case do not matter."""
    for known in columns:
        if known == name:
            return known
    for known in columns:
        if known.lower() == name.strip().lower():
            return known
    raise LookupError(f"There is no column '{name}'. The columns are: {', '.join(columns)}.")


def same(left, right):
    """Whether two cells are equal; numbers by value, texts without regard to upper and lower case."""
    a, b = _as_number(left), _as_number(right)
    if a is not None and b is not None:
        return a == b
    return str(left).strip().lower() == str(right).strip().lower()


def _as_number(value):
    if isinstance(value, bool):
        return None
    value = number(value.strip()) if isinstance(value, str) else value
    return float(value) if isinstance(value, int | float) else None


def where(columns, rows, conditions):
    """Return the rows whose cells equal all conditions {column: value}."""
    wanted = {column(columns, name): value for name, value in (conditions or {}).items()}
    return [row for row in rows if all(same(row[name], value) for name, value in wanted.items())]


def compare(value, operator, other):
    """Return whether a cell meets a condition."""
    if operator == "equals":
        return same(value, other)
    if operator == "not_equals":
        return not same(value, other)
    if operator == "contains":
        return str(other).lower() in str(value).lower()
    a, b = _as_number(value), _as_number(other)
    if a is None or b is None:
        a, b = str(value), str(other)
    return {"greater_than": a > b, "at_least": a >= b, "less_than": a < b, "at_most": a <= b}[operator]


def numbers(path, columns, rows, name):
    """Return the numbers of a column; blanks are left out, a text is refused."""
    known = column(columns, name)
    found = [row[known] for row in rows if row[known] not in ("", None)]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in found):
        raise ValueError(f"Column '{known}' of '{path}' does not hold numbers only.")
    if not found:
        raise LookupError(f"No row of '{path}' has a number in '{known}' under these conditions.")
    return found


def _workbook(path, found, sheet):
    import openpyxl

    book = openpyxl.load_workbook(found, read_only=True, data_only=True)
    try:
        titles = book.sheetnames
        if sheet is None and len(titles) > 1:
            raise ValueError(f"'{path}' has several sheets: {', '.join(titles)}. Name one.")
        title = titles[0] if sheet is None else next((t for t in titles if t.lower() == sheet.strip().lower()), None)
        if title is None:
            raise LookupError(f"'{path}' has no sheet '{sheet}'. The sheets are: {', '.join(titles)}.")
        lines = [["" if c is None else c for c in line] for line in book[title].iter_rows(values_only=True)]
    finally:
        book.close()
    columns = [str(c) for c in lines[0]] if lines else []
    return columns, [dict(zip(columns, line, strict=False)) for line in lines[1:]]


def sheets(path):
    """Return the sheet titles of a workbook."""
    import openpyxl

    book = openpyxl.load_workbook(_drive.file(path), read_only=True)
    try:
        return list(book.sheetnames)
    finally:
        book.close()


def _objects(path, found):
    text = found.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines() if line.strip()] if found.suffix == ".jsonl" else json.loads(text)
    if not isinstance(lines, list) or not all(isinstance(entry, dict) for entry in lines):
        raise ValueError(f"'{path}' is no list of records, so it is not a table.")
    columns = list(dict.fromkeys(name for entry in lines for name in entry))
    return columns, [{name: entry.get(name, "") for name in columns} for entry in lines]
