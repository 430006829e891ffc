"""What must go on to hold in the whole library, whatever is repaired."""

from datetime import date
from decimal import Decimal

from stockroom import csvio
from stockroom import dates
from stockroom import labels
from stockroom import money
from stockroom import parts
from stockroom import reports
from stockroom.orders import Order, discount_rate
from stockroom.prices import PriceList
from stockroom.stock import Stock, reorder_quantity


def refusal(call, kind):
    """Return whether a call raises an exception of this kind."""
    try:
        call()
    except kind:
        return "refused"
    return "accepted"


def probe_csv_read():
    return csvio.read_rows(b"part,pieces\nAB-1234,5\n")


def probe_csv_semicolons():
    return csvio.read_rows(b"part;pieces\nAB-1234;5\n")


def probe_csv_write():
    return csvio.write_rows([{"part": "AB-1234", "pieces": 5}])


def probe_due_default_terms():
    return dates.due_date(date(2026, 3, 2))


def probe_due_own_terms():
    return dates.due_date(date(2026, 3, 2), 14)


def probe_months_next_month():
    return dates.add_months(date(2026, 3, 15), 1)


def probe_months_over_new_year():
    return dates.add_months(date(2026, 11, 5), 3)


def probe_shipping_within_a_week():
    return dates.add_shipping_days(date(2026, 3, 2), 3)


def probe_shipping_over_a_weekend():
    return dates.add_shipping_days(date(2026, 3, 5), 2)


def probe_label_short_names_stay():
    return labels.shorten("Hex bolt", 24)


def probe_label_cut_at_a_word():
    return labels.shorten("Hex bolt, stainless steel", 20)


def probe_label_two_lines():
    return labels.label("AB-1234", "Hex bolt")


def probe_round_keeps_cents():
    return money.round_cents("12.34")


def probe_round_half_goes_up():
    return money.round_cents("0.015")


def probe_gross_adds_tax():
    return money.gross("100", 19)


def probe_split_even():
    return money.split("9.00", 3)


def probe_split_refuses_zero_parts():
    return refusal(lambda: money.split("9.00", 0), ValueError)


def probe_parse_reads_separators():
    return money.parse("$1,234.50")


def probe_discount_small_quantities_have_none():
    return Decimal(discount_rate(3))


def probe_discount_large_quantities():
    return [discount_rate(60), discount_rate(250)]


def probe_order_total():
    order = Order("ACME", [])
    order.add("AB-1234", 2, "4.50")
    order.add("CD-0001", 20, "1.00")
    return order.total()


def probe_order_pieces():
    order = Order("ACME", [])
    order.add("AB-1234", 2, "4.50")
    return order.pieces()


def probe_order_refuses_zero():
    return refusal(lambda: Order("ACME", []).add("AB-1234", 0, "1.00"), ValueError)


def probe_parse_plain():
    return parts.parse("AB-1234")


def probe_parse_revision():
    return parts.parse("AB-1234/2")


def probe_parse_refuses_other_text():
    return refusal(lambda: parts.parse("hello"), ValueError)


def probe_order_by_family_and_number():
    return parts.in_order(["CD-0001", "AB-0200", "AB-0100"])


def probe_order_revisions():
    return parts.in_order(["AB-0100/2", "AB-0100/1"])


def probe_order_same_part():
    return bool(parts.same_part("AB-1234", "AB-1234/3"))


def probe_pricelist_general_price():
    prices = PriceList({"AB-1234": "4.50", "CD-0001": "1.00"})
    return self.prices.price("AB-1234")


def probe_pricelist_special_price():
    prices = PriceList({"AB-1234": "4.50", "CD-0001": "1.00"})
    prices.agree("AB-1234", "ACME", "4.00")
    return self.prices.price("AB-1234", "ACME")


def probe_pricelist_unknown_part():
    prices = PriceList({"AB-1234": "4.50", "CD-0001": "1.00"})
    return refusal(lambda: self.prices.price("ZZ-9999"), KeyError)


def probe_pages_full_pages():
    return reports.pages([1, 2, 3, 4], 2)


def probe_pages_no_rows():
    return reports.pages([], 10)


def probe_average_mean():
    return reports.average([1, 2, 6])


def probe_top_most_first():
    sold = {"AB-0001": 3, "AB-0002": 9, "AB-0003": 5}
    return reports.top(sold, 2)


def probe_table_aligned():
    return reports.table([["a", "1"], ["bcd", "2"]])


def probe_stock_reserve_lowers_available():
    stock = Stock()
    stock.receive("AB-1234", 10)
    found = []
    stock.reserve("AB-1234", 4)
    found.append(self.stock.available("AB-1234"))
    found.append(self.stock.on_hand("AB-1234"))
    return found


def probe_stock_ship_takes_off_the_shelf():
    stock = Stock()
    stock.receive("AB-1234", 10)
    stock.reserve("AB-1234", 4)
    stock.ship("AB-1234", 4)
    return self.stock.on_hand("AB-1234")


def probe_stock_refuses_to_promise_too_much():
    stock = Stock()
    stock.receive("AB-1234", 10)
    return refusal(lambda: self.stock.reserve("AB-1234", 11), ValueError)


def probe_reorder_whole_packs():
    return reorder_quantity(available=3, minimum=10, pack_size=5)


def probe_reorder_nothing_needed():
    return reorder_quantity(available=10, minimum=10, pack_size=5)
