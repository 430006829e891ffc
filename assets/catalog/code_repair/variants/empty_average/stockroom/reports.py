"""Tables, pages and averages for reports."""


def pages(rows, size):
    """Split rows into pages of `size`; the last page holds the rest. No rows give no page."""
    if size < 1:
        raise ValueError("size must be at least 1")
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def average(values):
    """Return the mean, or None when there are no values."""
    return sum(values) / len(values)


def top(sold, count):
    """Return the `count` best sellers as (part, pieces), most pieces first, equal ones by part number."""
    ranked = sorted(sold.items(), key=lambda item: (-item[1], item[0]))
    return ranked[:count]


def table(rows):
    """Return rows of texts as lines with aligned columns."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
