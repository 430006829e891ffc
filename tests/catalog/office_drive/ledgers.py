"""The drive's tables: csv, tsv, json, jsonl, yaml, xml, sqlite and logs."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from tests.catalog.office_drive import records
from tests.catalog.office_drive.company import (
    ACCOUNT_MANAGERS,
    CONTRACTS,
    CUSTOMERS,
    EMPLOYEES,
    MONTHS,
    PRODUCTS,
    SCANS,
    TODAY,
)
from tests.catalog.office_drive.figures import Figures, manager_of, workdays

CATEGORIES = {
    "Travel": (
        "Train to customer visit",
        "Fuel for customer visit",
        "Taxi from the station",
        "Parking at the trade fair",
    ),
    "Meals": ("Lunch with customer", "Team breakfast", "Dinner at the trade fair"),
    "Equipment": ("Headset", "Monitor arm", "Keyboard and mouse", "Second screen"),
    "Training": ("First aid course", "Spreadsheet course", "Language course"),
    "Postage": ("Sample parcels", "Courier to printer"),
}
WAREHOUSE_CATEGORIES = {
    "Travel": ("Fuel for delivery van", "Parking at customer", "Toll for delivery van"),
    "Meals": ("Team breakfast", "Drinks for stocktaking"),
    "Equipment": ("Safety boots", "Label printer ribbon", "Hand truck", "Work gloves"),
    "Training": ("First aid course", "Forklift licence renewal"),
    "Postage": ("Sample parcels",),
}
AMOUNTS = {"Travel": (18, 190), "Meals": (22, 140), "Equipment": (25, 420), "Training": (90, 640), "Postage": (8, 60)}
COMMENTS = (
    "Quick delivery, well packed.",
    "Would like a bigger glove range.",
    "Pots arrived chipped twice this spring.",
    "Very friendly contact.",
    "Web shop search is slow.",
    "Good value for the price.",
    "Invoices are always right.",
    "Delivery day could be more reliable.",
    "",
    "Please bring back the small planter.",
)


def files(figures: Figures) -> dict[str, bytes]:
    source = random.Random("ledgers")
    found = {f"sales/2026/sales_{month}.csv": _sales(figures, month) for month in MONTHS}
    found |= {f"inventory/counts/stock_{month}.csv": _stock(figures, month) for month in MONTHS}
    found |= {
        "company.json": _json(
            {
                "company": "Fernhill Supply",
                "today": TODAY,
                "currency": "EUR",
                "office": "14 Orchard Row, Dunmore",
                "warehouse": "3 Dunmore Road, Dunmore",
                "fiscal_year": "January to December",
            }
        ),
        "sales/targets_2026.json": _json(targets(figures)),
        "sales/returns_2026.tsv": _returns(figures),
        "inventory/products.json": _json(
            [
                {
                    "product_code": p.code,
                    "product": p.name,
                    "category": p.category,
                    "list_price": p.price,
                    "unit_cost": p.cost,
                    "supplier": p.supplier,
                }
                for p in PRODUCTS
            ]
        ),
        "inventory/suppliers.yaml": _suppliers(),
        "inventory/purchase_orders.xml": _purchase_orders(figures),
        "hr/roster.csv": _table(
            ("employee_id", "name", "department", "job_title", "manager", "start_date", "extension", "email"),
            [(e.id, e.name, e.department, e.title, e.manager, e.started, e.extension, e.email) for e in EMPLOYEES],
        ),
        "hr/leave_2026.tsv": _leave(source),
        "finance/expenses/claims_2026.csv": _claims(source),
        "contracts/register.csv": _table(
            ("contract_no", "party", "subject", "signed_on", "file", "owner"),
            [(c.number, c.party, c.subject, c.signed, f"contracts/{c.slug}.pdf", c.owner) for c in CONTRACTS],
        ),
        "inbox/scanner_index.csv": _table(
            ("file", "scanned_on", "scanned_by", "pages", "sender", "kind"),
            [
                (name, "2026-07-03" if number < 5 else "2026-07-06", who, 1, invoice.supplier, "invoice")
                for number, (name, invoice, who) in enumerate(SCANS)
            ],
        ),
        "marketing/survey_2026-05.csv": _survey(source),
        "marketing/campaigns.json": _json(_campaigns()),
        "it/devices.tsv": _devices(source),
        "logs/webshop_2026-06.log": records.shop_log(source),
        "logs/backup.log": records.backup_log(),
        "logs/web_visits_2026-06.jsonl": records.visits(source),
        "crm/crm.sqlite": records.crm(source),
    }
    return found


def targets(figures: Figures) -> list[dict[str, Any]]:
    """Return a target per month and region, near what was really sold and rounded to 1,000."""
    source = random.Random("targets")
    found = []
    for month in MONTHS:
        sold = figures.total(month, lambda line: line.customer.region)
        for region in ACCOUNT_MANAGERS:
            wanted = round(sold.get(region, 0.0) * source.uniform(0.85, 1.12) / 1000) * 1000
            found.append({"month": month, "region": region, "target": max(wanted, 1000)})
    return found


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]], delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([f"{cell:.2f}" if isinstance(cell, float) else cell for cell in row] for row in rows)
    return text.getvalue().encode()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _sales(figures: Figures, month: str) -> bytes:
    columns = (
        "date",
        "order_no",
        "customer",
        "region",
        "account_manager",
        "product_code",
        "product",
        "quantity",
        "unit_price",
        "revenue",
    )
    rows = [
        (
            x.date,
            x.order,
            x.customer.name,
            x.customer.region,
            manager_of(x),
            x.product.code,
            x.product.name,
            x.quantity,
            x.unit_price,
            x.revenue,
        )
        for x in figures.lines[month]
    ]
    return _table(columns, rows)


def _stock(figures: Figures, month: str) -> bytes:
    rows = [
        (p.code, p.name, p.location, figures.stock[month][p.code], p.reorder_level, p.cost, p.supplier)
        for p in PRODUCTS
    ]
    columns = ("product_code", "product", "location", "on_hand", "reorder_level", "unit_cost", "supplier")
    return _table(columns, rows)


def _returns(figures: Figures) -> bytes:
    rows = [
        (
            f"R-{301 + number}",
            day,
            x.order,
            x.customer.name,
            x.product.code,
            quantity,
            round(quantity * x.unit_price, 2),
            reason,
        )
        for number, (day, x, quantity, reason) in enumerate(figures.returns)
    ]
    columns = ("return_id", "date", "order_no", "customer", "product_code", "quantity", "refund", "reason")
    return _table(columns, rows, "\t")


def _suppliers() -> bytes:
    leads = {
        "Halden Steelworks": 12,
        "Rosewood Ceramics": 21,
        "Oakline Plastics": 9,
        "Sunrise Bamboo": 35,
        "Greenway Textiles": 18,
    }
    text = "# Suppliers of goods. Lead time in working days, minimum order in euros.\nsuppliers:\n"
    for name, days in leads.items():
        slug = name.split()[0].lower()
        products = ", ".join(p.code for p in PRODUCTS if p.supplier == name)
        text += f"  - name: {name}\n    orders: orders@{slug}.example\n    lead_time_days: {days}\n"
        text += f"    minimum_order: {250 + 50 * len(name.split()[0])}\n    products: [{products}]\n"
    return text.encode()


def _purchase_orders(figures: Figures) -> bytes:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<purchase_orders year="2026">']
    for entry in sorted(figures.deliveries, key=lambda d: d.number):
        lines += [
            f'  <order number="{entry.number}" received="{entry.date}">',
            f"    <supplier>{entry.product.supplier}</supplier>",
            f'    <item code="{entry.product.code}" quantity="{entry.quantity}" unit_cost="{entry.product.cost:.2f}"/>',
            "  </order>",
        ]
    return ("\n".join([*lines, "</purchase_orders>"]) + "\n").encode()


def _leave(source: random.Random) -> bytes:
    rows = []
    for person in EMPLOYEES:
        carried, taken = source.randint(0, 5), source.randint(4, 14)
        booked = source.randint(0, 9)
        left = person.leave_days + carried - taken - booked
        rows.append((person.id, person.name, person.department, person.leave_days, carried, taken, booked, left))
    columns = ("employee_id", "name", "department", "entitlement", "carried_over", "taken", "booked", "remaining")
    return _table(columns, rows, "\t")


def _claims(source: random.Random) -> bytes:
    days = sorted(source.choices([day for month in MONTHS for day in workdays(month)], k=72))
    staff = [person for person in EMPLOYEES if person.manager]
    rows = []
    for number, day in enumerate(days):
        person = source.choice(staff)
        kinds = WAREHOUSE_CATEGORIES if person.department == "Warehouse" else CATEGORIES
        category = source.choice(sorted(kinds))
        low, high = AMOUNTS[category]
        amount = round(source.uniform(low, high), 2)
        status = source.choice(("paid", "paid", "approved", "rejected")) if number < 34 else "submitted"
        rows.append(
            (
                f"EC-26{number + 1:03d}",
                person.id,
                person.name,
                person.department,
                day,
                category,
                source.choice(kinds[category]),
                amount,
                status,
            )
        )
    columns = (
        "claim_id",
        "employee_id",
        "employee",
        "department",
        "date",
        "category",
        "description",
        "amount",
        "status",
    )
    return _table(columns, rows)


def _survey(source: random.Random) -> bytes:
    rows = []
    for number in range(96):
        customer = source.choice(CUSTOMERS)
        mood = source.gauss(7.2, 1.5)
        scores = [max(1, min(10, round(mood + source.gauss(shift, 1.1)))) for shift in (0.3, -0.4, 0.1, 0.2)]
        rows.append((f"Q{number + 1:03d}", customer.segment, customer.region, *scores, source.choice(COMMENTS)))
    columns = (
        "response_id",
        "customer_type",
        "region",
        "satisfaction",
        "delivery",
        "product_range",
        "recommend",
        "comment",
    )
    return _table(columns, rows)


def _campaigns() -> list[dict[str, Any]]:
    rows = (
        ("CP-01", "Early seed days", "Newsletter", "2026-02-02", "2026-02-20", 1200.0, 1164.50, 41),
        ("CP-02", "Easter pots", "Trade magazine", "2026-03-16", "2026-04-06", 3400.0, 3512.00, 58),
        ("CP-03", "Open warehouse day", "Event", "2026-04-24", "2026-04-25", 2500.0, 2288.75, 73),
        ("CP-04", "Watering week", "Web shop banner", "2026-05-11", "2026-05-17", 900.0, 874.20, 36),
        ("CP-05", "Compost made easy", "Newsletter", "2026-05-25", "2026-06-12", 1500.0, 1431.60, 49),
        ("CP-06", "Summer gloves", "Social media", "2026-06-15", "2026-07-15", 1100.0, 462.30, 12),
    )
    keys = ("campaign_id", "name", "channel", "start", "end", "budget", "spent", "leads")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def _devices(source: random.Random) -> bytes:
    rows = []
    kinds = (("Laptop", "Norda L14", 980.0, 36), ("Phone", "Pebble 7", 420.0, 24), ("Monitor", "Vista 27", 260.0, 36))
    for number, person in enumerate(EMPLOYEES):
        for kind, model, price, months in kinds[: source.choice((1, 2, 3))]:
            bought = date(2023, 6, 1) + timedelta(days=source.randint(0, 1000))
            until = bought + timedelta(days=months * 365 // 12)
            rows.append(
                (f"IT-{1001 + len(rows)}", kind, model, person.name, bought.isoformat(), until.isoformat(), price)
            )
        if number % 5 == 4:
            rows.append(
                (
                    f"IT-{1001 + len(rows)}",
                    "Scanner",
                    "Handscan 2",
                    person.department,
                    "2025-02-11",
                    "2027-02-11",
                    145.0,
                )
            )
    columns = ("device_id", "type", "model", "assigned_to", "purchased", "warranty_until", "price")
    return _table(columns, rows, "\t")
