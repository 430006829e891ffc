"""Import and export of CSV files. Spreadsheets write a byte order mark and may use semicolons."""

import csv
import io


def read_rows(data):
    """Return the rows of a CSV file (bytes, UTF-8 with or without byte order mark) as dicts."""
    text = data.decode("utf-8")
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    return [dict(row) for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)]


def write_rows(rows):
    """Return dicts as the bytes of a CSV file; columns as in the first row."""
    if not rows:
        return b""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8")
