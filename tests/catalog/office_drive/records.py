"""The drive's logs and the customer database."""

from __future__ import annotations

import json
import random
import sqlite3

from tests.catalog.office_drive.company import ACCOUNT_MANAGERS, CUSTOMERS, MONTHS, PRODUCTS
from tests.catalog.office_drive.figures import workdays


def shop_log(source: random.Random) -> bytes:
    texts = (
        ("INFO", "order placed order=WS-{n}"),
        ("INFO", "order placed order=WS-{n}"),
        ("INFO", "customer login user={n}"),
        ("INFO", "catalogue page served item=FS-{p}"),
        ("WARN", "slow search took {n} ms"),
        ("WARN", "stock low item=FS-{p}"),
        ("ERROR", "payment gateway timeout order=WS-{n}"),
        ("ERROR", "image missing item=FS-{p}"),
        ("ERROR", "mail not delivered order=WS-{n}"),
    )
    lines = []
    for day in workdays("2026-06"):
        for second in sorted(source.sample(range(7 * 3600, 20 * 3600), 9)):
            level, text = source.choice(texts)
            text = text.format(n=source.randint(2100, 4999), p=source.choice(PRODUCTS).code[3:])
            lines.append(f"{day} {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d} {level} {text}")
    return ("\n".join(lines) + "\n").encode()


def backup_log() -> bytes:
    lines = []
    for number, day in enumerate(workdays("2026-06")):
        failed = number in (6, 14)
        end = "FAILED target not reachable" if failed else f"OK {8210 + number * 7} files copied"
        lines.append(f"{day} 23:00 nightly backup of the shared drive: {end}")
    return ("\n".join(lines) + "\n").encode()


def visits(source: random.Random) -> bytes:
    lines = []
    for day in range(1, 31):
        visits = source.randint(180, 420)
        orders = max(1, round(visits * source.uniform(0.02, 0.06)))
        entry = {
            "date": f"2026-06-{day:02d}",
            "visits": visits,
            "orders": orders,
            "returning": visits * 2 // 5 + source.randint(-20, 20),
        }
        lines.append(json.dumps(entry))
    return ("\n".join(lines) + "\n").encode()


def crm(source: random.Random) -> bytes:
    base = sqlite3.connect(":memory:")
    base.executescript(
        "create table customers (customer_id text primary key, name text, region text, segment text, contact text,"
        " customer_since integer, credit_limit real, account_manager text);"
        "create table visits (visit_id integer primary key, customer_id text, date text, employee text, purpose text,"
        " note text);"
        "create table opportunities (opportunity_id text primary key, customer_id text, title text, stage text,"
        " amount real, expected_close text);"
    )
    for c in CUSTOMERS:
        base.execute(
            "insert into customers values (?,?,?,?,?,?,?,?)",
            (c.id, c.name, c.region, c.segment, c.contact, c.since, float(c.credit_limit), ACCOUNT_MANAGERS[c.region]),
        )
    purposes = (
        ("Spring order", "Agreed the range for the season."),
        ("Complaint", "Chipped pots, credit note promised."),
        ("Range review", "Showed the new planters."),
        ("Price talks", "Asked for a volume discount."),
    )
    number = 0
    for c in CUSTOMERS:
        for day in sorted(source.sample([d for m in MONTHS for d in workdays(m)], source.randint(2, 4))):
            number += 1
            purpose, note = source.choice(purposes)
            base.execute(
                "insert into visits values (?,?,?,?,?,?)",
                (number, c.id, day, ACCOUNT_MANAGERS[c.region], purpose, note),
            )
    titles = ("Autumn bulbs display", "Planter promotion", "Compost bin pallet", "Glove stand", "Hose reel offer")
    number = 0
    for c in CUSTOMERS:
        for title in source.sample(titles, source.randint(2, 4)):
            number += 1
            stage = source.choice(("open", "open", "open", "won", "lost"))
            close = f"2026-{source.choice(('07', '08', '09', '10'))}-{source.randint(1, 28):02d}"
            base.execute(
                "insert into opportunities values (?,?,?,?,?,?)",
                (f"OP-{number:03d}", c.id, title, stage, float(source.randrange(3000, 30000, 250)), close),
            )
    base.commit()
    data = base.serialize()
    base.close()
    return data
