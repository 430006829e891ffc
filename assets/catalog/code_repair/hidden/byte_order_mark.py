"""What must hold once byte order mark is repaired."""

from stockroom.csvio import read_rows


def probe_with_byte_order_mark():
    data = "part,pieces\nAB-1234,5\n".encode("utf-8-sig")
    return read_rows(data)


def probe_without():
    return read_rows("größe;pieces\nL;5\n".encode())
