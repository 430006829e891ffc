"""What must hold once shared lines is repaired."""

from stockroom.orders import Order


def probe_new_orders_are_empty():
    Order("ACME").add("AB-1234", 3, "4.50")
    return Order("Other").pieces()


def probe_the_callers_list_is_left_alone():
    mine = []
    Order("ACME", mine).add("AB-1234", 3, "4.50")
    return mine


def probe_given_lines_are_kept():
    first = Order("ACME")
    first.add("AB-1234", 3, "4.50")
    return Order("ACME", first.lines).pieces()
