"""The drive's papers: pdf contracts and invoices, minutes, guides, the newsletter. Figures come from the ledgers."""

from __future__ import annotations

from collections.abc import Sequence

from tests.catalog.office_drive.company import CONTRACTS, FILED, MONTHS, PRODUCTS, SCANS, Contract, Invoice
from tests.catalog.office_drive.figures import Figures
from tests.catalog.office_drive.minutes import ACTIONS, OTHER_MEETINGS, sales_review

GUIDE = """# Finding your way on this drive

| folder | what is in it |
|---|---|
| sales/2026 | order lines, one file a month: sales_YYYY-MM.csv |
| sales/summaries | quarterly summaries as workbooks |
| inventory/counts | stock at the end of each month: stock_YYYY-MM.csv |
| finance | budget, invoices (pdf), expense claims and receipts |
| hr | staff list, leave; hr/confidential is for People only |
| contracts | signed contracts (pdf) and the register |
| meetings | minutes, the action log and the template for new minutes |
| marketing | brand files, product photos, campaigns, surveys |
| crm | customer database and the follow-up list |
| inbox | fresh scans that still have to be filed |
| reports | tables and notes made for colleagues |
| archive | zipped older material |

Today's date is in company.json. Questions about the drive: Chloe Martin, extension 161.
"""
ONBOARDING = """# Checklist for a new colleague

- [ ] Contract signed and filed by People
- [ ] Desk, chair and phone extension (Chloe Martin)
- [ ] Laptop handed over and noted in it/devices.tsv
- [ ] Safety walk through the warehouse (Stefan Kovac)
- [ ] Lunch with the department on the first day
- [ ] Review after four weeks, after three months, and at the end of probation
"""
FOLLOW_UPS = """# Customer follow-ups

- 2026-06-18 Ashdown Garden Centre: send the autumn catalogue
- 2026-06-25 Lavender Court: ask about the second planter display
- 2026-07-02 Greenacre DIY: confirm the pallet delivery in week 29
"""
REPORTS = "Tables and notes made for colleagues.\nNames start with the subject: top_customers_2026-05.csv.\n"
CONTACTS = """New contacts from the trade fair, March 2026

Oriel Marchetti, Poppy Field Nursery: wants samples of the glazed planter
Hugh Barnaby, Barnaby and Daughters: asks for prices of compost bins by the pallet
Tess Ekström, Nordgarten Retail: call again in autumn
"""
TEMPLATE = """# [TITLE]

Date: [DATE]
Place: meeting room Fern

## Agenda

## Decisions

## Actions
"""
OPENING = """Opening hours of the warehouse

Monday to Thursday   07:00 to 17:30
Friday               07:00 to 15:00
Goods in             08:00 to 14:00 only

Closed for stocktaking: 2026-12-28 to 2026-12-30
"""


def files(figures: Figures) -> dict[str, bytes]:
    texts = {
        "README.md": GUIDE,
        "hr/onboarding_checklist.md": ONBOARDING,
        "crm/follow_ups.md": FOLLOW_UPS,
        "meetings/template_minutes.md": TEMPLATE,
        "inventory/warehouse_hours.txt": OPENING,
        "marketing/newsletter_2026-06.html": _newsletter(figures),
        "reports/README.md": REPORTS,
        "reports/revenue_by_month_h1_2026.csv": "month,revenue\n"
        + "".join(f"{month},{figures.revenue(month):.2f}\n" for month in MONTHS),
        "reports/orders_by_region_q1_2026.csv": "region,order_lines\n" + _lines_by_region(figures),
        "reports/reorder_list_2026-06.csv": "product_code,on_hand,reorder_level\n" + _reorder(figures),
        "reports/trade_fair_contacts_2026-03.txt": CONTACTS,
        "meetings/action_log.csv": "action_id,owner,action,due,meeting,status\n"
        + "".join(f"{a.id},{a.owner},{a.text},{a.due},{a.meeting},{a.status}\n" for a in ACTIONS),
        **OTHER_MEETINGS,
        **dict(sales_review(figures, month) for month in MONTHS),
    }
    found = {name: text.encode() for name, text in texts.items()}
    found |= {f"contracts/{contract.slug}.pdf": _contract(contract) for contract in CONTRACTS}
    found |= {invoice.filed: _invoice(invoice) for invoice in FILED}
    found |= {f"inbox/{name}": _invoice(invoice) for name, invoice, _ in SCANS}
    return found


def _lines_by_region(figures: Figures) -> str:
    found: dict[str, float] = {}
    for month in MONTHS[:3]:
        for region, count in figures.total(month, lambda x: x.customer.region, lambda x: 1).items():
            found[region] = found.get(region, 0) + count
    return "".join(f"{region},{count:.0f}\n" for region, count in sorted(found.items()))


def _reorder(figures: Figures) -> str:
    """Products within 15 percent of their reorder level at the end of June."""
    stock = figures.stock["2026-06"]
    near = [p for p in PRODUCTS if stock[p.code] < p.reorder_level * 1.15]
    return "".join(f"{p.code},{stock[p.code]},{p.reorder_level}\n" for p in near)


def _newsletter(figures: Figures) -> str:
    name, _ = figures.best(lambda x: x.product.name, *MONTHS[3:])
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Fernhill news, June 2026</title></head>
<body>
<h1>Fernhill news, June 2026</h1>
<p>Dear customers, thank you for a busy spring. Your favourite this quarter was the {name}.</p>
<h2>Summer gloves</h2>
<p>From 15 June to 15 July you get ten pairs of Garden Gloves for the price of nine.</p>
<h2>Delivery days</h2>
<p>From July we deliver to the East on Wednesdays and to the West on Thursdays.</p>
<p>Your team at Fernhill Supply, 14 Orchard Row, Dunmore</p>
</body>
</html>
"""


def _contract(contract: Contract) -> bytes:
    first = [
        "between Fernhill Supply, 14 Orchard Row, Dunmore",
        f"and {contract.party}",
        "",
        f"Contract number: {contract.number}",
        f"Subject: {contract.subject}",
        f"Signed on: {contract.signed}",
        f"Start date: {contract.start}",
        f"End date: {contract.end}",
        f"Notice period: {contract.notice}",
        f"Payment terms: {contract.payment}",
        f"Annual value: EUR {contract.annual_value:.2f}",
        f"Contact at Fernhill: {contract.owner}",
        "",
        "1. Each party performs its part with due care and in good time.",
        "2. Prices are fixed for the first twelve months. After that either side may ask",
        "   for new prices once a year, in writing and two months ahead.",
        "3. Complaints are reported within ten working days of delivery.",
    ]
    second = [
        f"Contract number: {contract.number}",
        "",
        "4. The contract ends on the end date unless both sides extend it in writing.",
        f"5. Either side may end it earlier with {contract.notice} of notice, in writing.",
        "6. Both sides keep business figures of the other to themselves.",
        "",
        "Signed for Fernhill Supply: Helen Marsh, Managing Director",
        f"Signed for {contract.party}: authorised representative",
    ]
    return pdf([("Contract", first), ("Contract, page 2", second)])


def _invoice(invoice: Invoice) -> bytes:
    lines = [
        f"Supplier: {invoice.supplier}",
        f"Invoice number: {invoice.number}",
        f"Invoice date: {invoice.date}",
        f"Due date: {invoice.due}",
        "Bill to: Fernhill Supply, 14 Orchard Row, Dunmore",
        "",
    ]
    lines += [
        f"{quantity} x {name} at EUR {price:.2f} = EUR {quantity * price:.2f}"
        for name, quantity, price in invoice.lines
    ]
    lines += ["", f"Total due: EUR {invoice.total:.2f}", "Please quote the invoice number with your payment."]
    return pdf([("Invoice", lines)])


def pdf(pages: Sequence[tuple[str, Sequence[str]]]) -> bytes:
    """Return a plain PDF of pages (title, lines) in Helvetica. No compression, no date, no random id."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, (title, lines) in enumerate(pages):
        body = f"BT /F1 18 Tf 60 770 Td ({_escaped(title)}) Tj /F1 11 Tf 0 -34 Td 16 TL\n"
        body += "".join(f"({_escaped(line)}) Tj T*\n" for line in lines) + "ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(body)} >>\nstream\n{body}\nendstream")
    data = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    end = (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
    )
    return data + f"{end}startxref\n{len(data)}\n%%EOF\n".encode("latin-1")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
