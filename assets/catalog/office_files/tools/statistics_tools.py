"""Tools that compute statistics of table columns."""

import _tables


def column_statistics(
    path: str, column: str, where: dict[str, str | float] | None = None, sheet: str | None = None
) -> dict:
    """Return count, mean, median, standard deviation (sample), smallest and largest value of a column of numbers.

    Args:
        path: The table file.
        column: The column of numbers.
        where: Only rows whose cells equal these values, from column to value.
        sheet: Sheet of a workbook, when it has several.

    Effect: read
    """
    import statistics

    columns, rows = _tables.load(path, sheet)
    cells = _tables.numbers(path, columns, _tables.where(columns, rows, where), column)
    return {
        "path": path,
        "column": _tables.column(columns, column),
        "count": len(cells),
        "mean": _tables.tidy(sum(cells) / len(cells)),
        "median": _tables.tidy(float(statistics.median(cells))),
        "stdev": _tables.tidy(statistics.stdev(cells)) if len(cells) > 1 else None,
        "smallest": min(cells),
        "largest": max(cells),
    }


def percentile(
    path: str, column: str, percent: float, where: dict[str, str | float] | None = None, sheet: str | None = None
) -> dict:
    """Return the value below which a given share of a column's numbers lies (linear interpolation).

    Args:
        path: The table file.
        column: The column of numbers.
        percent: Between 0 and 100; 50 is the median.
        where: Only rows whose cells equal these values, from column to value.
        sheet: Sheet of a workbook, when it has several.

    Effect: read
    """
    if not 0 <= percent <= 100:
        raise ValueError("percent is between 0 and 100.")
    columns, rows = _tables.load(path, sheet)
    cells = sorted(_tables.numbers(path, columns, _tables.where(columns, rows, where), column))
    place = (len(cells) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(cells) - 1)
    value = cells[low] + (cells[high] - cells[low]) * (place - low)
    return {"path": path, "column": column, "percent": percent, "count": len(cells), "value": round(value, 2)}


def correlation(path: str, first: str, second: str, where: dict[str, str | float] | None = None) -> dict:
    """Return Pearson's correlation of two columns of numbers, from -1 to 1, rounded to three decimals.

    Args:
        path: The table file.
        first: One column.
        second: The other column.
        where: Only rows whose cells equal these values, from column to value.

    Effect: read
    """
    columns, rows = _tables.load(path)
    rows = _tables.where(columns, rows, where)
    left, right = _tables.numbers(path, columns, rows, first), _tables.numbers(path, columns, rows, second)
    if len(left) != len(right) or len(left) < 3:
        raise ValueError("Both columns need a number in the same rows, at least three of them.")
    a, b = sum(left) / len(left), sum(right) / len(right)
    across = sum((x - a) * (y - b) for x, y in zip(left, right, strict=True))
    spread = (sum((x - a) ** 2 for x in left) * sum((y - b) ** 2 for y in right)) ** 0.5
    if not spread:
        raise ValueError("One of the columns does not vary, so there is no correlation.")
    return {"first": first, "second": second, "count": len(left), "correlation": round(across / spread, 3)}


def percent_change(before: float, after: float) -> dict:
    """Return by how much a figure has changed, as a difference and in percent of the earlier one.

    Args:
        before: The earlier or planned figure.
        after: The later or actual figure.

    Effect: read
    """
    if not before:
        raise ValueError("The earlier figure is 0, so there is no percentage.")
    return {"difference": round(after - before, 2), "percent": round((after - before) / before * 100, 1)}
