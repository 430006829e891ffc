"""What must hold once last page is repaired."""

from stockroom.reports import pages


def probe_the_rest_is_kept():
    return [pages([1, 2, 3, 4, 5], 2), pages([1], 10)]


def probe_nothing_is_lost():
    found = []
    for count in range(25):
        rows = list(range(count))
        found.append([row for page in pages(rows, 7) for row in page])
        found.append(bool(all(pages(rows, 7))))
    return found
