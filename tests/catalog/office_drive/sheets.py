"""The drive's workbooks (xlsx), with fixed time stamps."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font

from tests.catalog.office_drive.company import EMPLOYEES, MONTH_NAMES, MONTHS, PRODUCTS
from tests.catalog.office_drive.figures import Figures

STAMP = datetime(2026, 7, 1, 9, 0)
BUDGETS = (
    ("Management", 12000, 3500),
    ("Sales", 21000, 3000),
    ("Finance", 6500, 2400),
    ("People", 7500, 4200),
    ("Marketing", 16500, 2800),
    ("Warehouse", 9800, 3900),
    ("IT", 14200, 3300),
)


def files(figures: Figures) -> dict[str, bytes]:
    return {
        "sales/summaries/sales_summary_q1_2026.xlsx": _summary(figures, MONTHS[:3]),
        "sales/summaries/sales_summary_q2_2026.xlsx": _summary(figures, MONTHS[3:]),
        "hr/confidential/salaries_2026.xlsx": workbook(
            {
                "Salaries": [
                    ("employee_id", "name", "department", "annual_salary"),
                    *((e.id, e.name, e.department, e.salary) for e in EMPLOYEES),
                ]
            }
        ),
        "finance/budget_2026.xlsx": workbook(
            {
                "Departments": [("department", "annual_budget", "travel_and_expenses"), *BUDGETS],
                "Notes": [
                    ("no", "note"),
                    (1, "Agreed by Helen Marsh and Marta Lindqvist on 2025-12-16."),
                    (2, "Salaries are not part of this budget."),
                    (3, "travel_and_expenses is the part that expense claims are paid from."),
                ],
            }
        ),
        "inventory/price_list_2026.xlsx": workbook(
            {
                "Price list": [
                    ("product_code", "product", "category", "list_price"),
                    *((p.code, p.name, p.category, p.price) for p in PRODUCTS),
                ],
                "Retail chains": [
                    ("product_code", "product", "chain_price"),
                    *((p.code, p.name, round(p.price * 0.92, 2)) for p in PRODUCTS),
                ],
            }
        ),
    }


def _summary(figures: Figures, months: Sequence[str]) -> bytes:
    regions: dict[str, float] = {}
    products: dict[str, list[float]] = {}
    for month in months:
        for region, value in figures.total(month, lambda x: x.customer.region).items():
            regions[region] = round(regions.get(region, 0) + value, 2)
        revenue = figures.total(month, lambda x: x.product.name)
        pieces = figures.total(month, lambda x: x.product.name, lambda x: x.quantity)
        for name, value in revenue.items():
            entry = products.setdefault(name, [0, 0])
            entry[0], entry[1] = entry[0] + int(pieces[name]), round(entry[1] + value, 2)
    by_month = [
        (month, MONTH_NAMES[month[5:]], len({x.order for x in figures.lines[month]}), figures.revenue(month))
        for month in months
    ]
    return workbook(
        {
            "By month": [("month", "name", "orders", "revenue"), *by_month],
            "By region": [("region", "revenue"), *sorted(regions.items())],
            "By product": [
                ("product", "quantity", "revenue"),
                *((name, *entry) for name, entry in sorted(products.items())),
            ],
        }
    )


def workbook(sheets: dict[str, list[Sequence[Any]]]) -> bytes:
    """Return an xlsx whose bytes depend on the cells only."""
    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for column in sheet.columns:
            sheet.column_dimensions[column[0].column_letter].width = max(len(str(c.value)) for c in column) + 3
    book.properties.creator = "Fernhill Supply"
    book.properties.created = book.properties.modified = STAMP
    buffer = io.BytesIO()
    book.save(buffer)
    return _fixed(buffer.getvalue())


def _fixed(data: bytes) -> bytes:
    found = io.BytesIO()
    stamp = STAMP.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist(), key=lambda n: (n != "[Content_Types].xml", n)):
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", stamp, content)
            new.writestr(zipfile.ZipInfo(name, STAMP.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return found.getvalue()
