"""Makes assets/catalog/clinic/workspace/clinic.sqlite from the lists below.

Deterministic: no clock and no random source; everything that is not written out follows from counters.
Call `python -m tests.catalog.make_clinic` after a change and commit the file. `build(path)` writes one elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

TARGET = Path(__file__).parents[2] / "assets" / "catalog" / "clinic" / "workspace" / "clinic.sqlite"
TODAY, NOW = date(2026, 3, 2), "09:30"
TRAINING_DAY = date(2026, 3, 18)
TIMES = ("09:00", "09:40", "10:30", "11:10", "14:00", "15:20")

SCHEMA = """
create table settings (key text primary key, value text not null);
create table calendar (date text primary key, weekday text not null, label text not null, short text not null,
  other text not null, opens text, closes text, note text not null);
create table plans (plan_id text primary key, name text not null, insurer text not null, deductible integer not null);
create table coverage (rule_id text primary key, plan_id text not null, specialty text not null,
  covered integer not null, copay real, referral_required integer not null, visits_per_year integer);
create table clinicians (clinician_id text primary key, name text not null, short_name text not null,
  last_name text not null, specialty text not null, accepts_new integer not null, room text not null);
create table patients (patient_id text primary key, name text not null, first_name text not null,
  last_name text not null, date_of_birth text not null, birth_label text not null, phone text not null,
  email text not null, plan_id text not null, member_number text not null, guardian_id text);
create table slots (slot_id text primary key, clinician_id text not null, date text not null, start text not null,
  minutes integer not null, kind text not null, status text not null);
create table appointments (appointment_id text primary key, patient_id text not null, clinician_id text not null,
  slot_id text not null, visit_type text not null, status text not null, cancel_reason text);
create table waiting_list (entry_id text primary key, patient_id text not null, clinician_id text not null,
  part_of_day text not null, added_on text not null);
create table referrals (referral_id text primary key, patient_id text not null, specialty text not null,
  issued_by text not null, expires text not null, visits_left integer not null);
create table prescriptions (prescription_id text primary key, patient_id text not null, drug text not null,
  strength text not null, controlled integer not null, refills_left integer not null, next_due text not null,
  prescriber_id text not null);
create table pharmacies (pharmacy_id text primary key, name text not null, street text not null);
create table refill_requests (request_id text primary key, prescription_id text not null, pharmacy_id text not null,
  requested_on text not null, status text not null);
create table invoices (invoice_id text primary key, patient_id text not null, service text not null,
  service_date text not null, total real not null, insurer_paid real not null, balance real not null,
  due text not null, status text not null);
create table payment_plans (payment_plan_id text primary key, invoice_id text not null, months integer not null,
  monthly real not null, first_payment text not null);
create table callbacks (callback_id text primary key, phone text not null, topic text not null,
  part_of_day text not null, requested_on text not null);
"""

# plan: name, insurer, deductible, then per specialty (copay or None when not covered, referral, visits per year)
SPECIALTIES = ("primary care", "dermatology", "cardiology", "orthopedics", "physiotherapy", "pediatrics")
PLANS = {
    "PL-BASIC": (
        "Harbor Basic", "Harbor Mutual", 1500,
        ((30, 0, None), (60, 1, None), (60, 1, None), (60, 1, None), (40, 1, 12), (30, 0, None)),
    ),
    "PL-PLUS": (
        "Harbor Plus", "Harbor Mutual", 500,
        ((20, 0, None), (40, 0, None), (40, 0, None), (40, 0, None), (25, 0, 30), (20, 0, None)),
    ),
    "PL-FAMILY": (
        "Meridian Family", "Meridian Health", 900,
        ((25, 0, None), (45, 1, None), (45, 1, None), (45, 0, None), (35, 1, 20), (5, 0, None)),
    ),
    "PL-SENIOR": (
        "Meridian Senior", "Meridian Health", 250,
        ((10, 0, None), (35, 0, None), (15, 0, None), (35, 0, None), (12.5, 0, 40), (None, 0, None)),
    ),
    "PL-SAVER": (
        "Northgate Saver", "Northgate", 3000,
        ((75, 0, None), (140, 0, None), (150, 0, None), (145, 0, None), (80, 0, 10), (75, 0, None)),
    ),
    "PL-STUDENT": (
        "Northgate Student", "Northgate", 700,
        ((15, 0, None), (None, 0, None), (55, 1, None), (50, 1, None), (27.5, 1, 8), (15, 0, None)),
    ),
}  # fmt: skip

# name, title, specialty, accepts new patients, working weekdays (Monday 0)
CLINICIANS = (
    ("Amara Okafor", "Dr.", "primary care", 1, (0, 1, 3)),
    ("Lukas Brandt", "Dr.", "primary care", 0, (1, 2, 4)),
    ("Meera Pillai", "Dr.", "primary care", 1, (0, 2, 3)),
    ("Sofia Lindqvist", "Dr.", "dermatology", 1, (0, 1, 4)),
    ("Tomas Herrera", "Dr.", "dermatology", 0, (2, 3, 4)),
    ("Helen Marsh", "Dr.", "cardiology", 1, (1, 2, 3)),
    ("Daniel Osei", "Dr.", "cardiology", 1, (0, 2, 4)),
    ("Ingrid Falk", "Dr.", "orthopedics", 0, (0, 1, 2)),
    ("Ravi Menon", "Dr.", "orthopedics", 1, (1, 3, 4)),
    ("Paula Reyes", "Ms.", "physiotherapy", 1, (0, 1, 2)),
    ("Jonas Keller", "Mr.", "physiotherapy", 1, (1, 3, 4)),
    ("Naomi Tanaka", "Dr.", "pediatrics", 1, (0, 1, 3)),
    ("Owen Gallagher", "Dr.", "pediatrics", 0, (1, 2, 4)),
)

# name, born, plan, number of the guardian's row for a minor
PATIENTS: tuple[tuple[str, str, str, int | None], ...] = (
    ("Marisol Vega", "1984-07-19", "PL-FAMILY", None),
    ("Edwin Castellano", "1957-11-02", "PL-SENIOR", None),
    ("Priya Raghunathan", "1991-03-28", "PL-PLUS", None),
    ("Gareth Whitlock", "1976-09-14", "PL-BASIC", None),
    ("Noor Haddad", "2003-05-06", "PL-STUDENT", None),
    ("Beatrix Lang", "1948-12-21", "PL-SENIOR", None),
    ("Samuel Adeyemi", "1982-01-30", "PL-FAMILY", None),
    ("Colleen Brannigan", "1969-06-11", "PL-SAVER", None),
    ("Hiroshi Nakagawa", "1988-10-08", "PL-PLUS", None),
    ("Tanya Petrova", "1995-02-17", "PL-BASIC", None),
    ("Luis Montenegro", "1979-08-25", "PL-FAMILY", None),
    ("Abigail Thornton", "2004-04-03", "PL-STUDENT", None),
    ("Femi Balogun", "1963-12-09", "PL-SAVER", None),
    ("Greta Sorensen", "1952-03-16", "PL-SENIOR", None),
    ("Malik Robinson", "1990-11-23", "PL-BASIC", None),
    ("Yasmin Farouk", "1986-06-29", "PL-FAMILY", None),
    ("Patrick Dunleavy", "1973-04-12", "PL-PLUS", None),
    ("Mei-Ling Chow", "1999-09-01", "PL-BASIC", None),
    ("Oscar Villanueva", "2002-07-27", "PL-STUDENT", None),
    ("Ruth Abramson", "1944-01-05", "PL-SENIOR", None),
    ("Dmitri Volkov", "1981-05-18", "PL-SAVER", None),
    ("Hannah Eastwood", "1993-12-14", "PL-PLUS", None),
    ("Jamal Whitaker", "1985-08-07", "PL-FAMILY", None),
    ("Ines Carvalho", "1977-10-31", "PL-BASIC", None),
    ("Walter Hoffman", "1955-02-24", "PL-SENIOR", None),
    ("Kavita Deshmukh", "1987-09-20", "PL-FAMILY", None),
    ("Rory McAllister", "1998-01-11", "PL-PLUS", None),
    ("Elena Marchetti", "1966-07-04", "PL-SAVER", None),
    ("Theo Papadakis", "2001-11-15", "PL-STUDENT", None),
    ("Joan Fitzgerald", "1950-08-30", "PL-SENIOR", None),
    ("Carlos Benitez", "1989-04-22", "PL-BASIC", None),
    ("Aisha Mbeki", "1992-06-16", "PL-PLUS", None),
    ("Henrik Dahl", "1971-03-09", "PL-FAMILY", None),
    ("Sylvia Norwood", "1960-10-27", "PL-BASIC", None),
    ("Kenji Morita", "1994-05-13", "PL-SAVER", None),
    ("Laura Whitfield", "1983-02-02", "PL-PLUS", None),
    ("Lucia Vega", "2016-08-09", "PL-FAMILY", 1),
    ("Mateo Vega", "2019-01-22", "PL-FAMILY", 1),
    ("Tobi Adeyemi", "2013-10-17", "PL-FAMILY", 7),
    ("Isabel Montenegro", "2011-03-05", "PL-FAMILY", 11),
    ("Omar Farouk", "2017-12-01", "PL-FAMILY", 16),
    ("Layla Farouk", "2010-09-26", "PL-FAMILY", 16),
    ("Jasmine Whitaker", "2014-06-08", "PL-FAMILY", 23),
    ("Rohan Deshmukh", "2012-04-19", "PL-FAMILY", 26),
    ("Anders Dahl", "2011-07-30", "PL-FAMILY", 33),
    ("Ella Whitfield", "2018-11-12", "PL-PLUS", 36),
    ("Nico Benitez", "2010-12-03", "PL-BASIC", 31),
    ("Freya Eastwood", "2020-02-28", "PL-PLUS", 22),
)

# drug, strength, controlled
DRUGS = (
    ("lisinopril", "10 mg", 0), ("metformin", "500 mg", 0), ("zolpidem", "10 mg", 1), ("atorvastatin", "20 mg", 0),
    ("levothyroxine", "50 mcg", 0), ("lorazepam", "1 mg", 1), ("sertraline", "50 mg", 0), ("omeprazole", "20 mg", 0),
    ("amlodipine", "5 mg", 0), ("tramadol", "50 mg", 1), ("losartan", "50 mg", 0), ("montelukast", "10 mg", 0),
    ("methylphenidate", "10 mg", 1),
)  # fmt: skip
PHARMACIES = (
    ("Quayside Pharmacy", "12 Quay Street"),
    ("Lantern Hill Drugs", "480 Lantern Hill Road"),
    ("Elm Street Pharmacy", "77 Elm Street"),
    ("Northgate Apothecary", "5 Northgate Plaza"),
    ("Ferry Road Pharmacy", "231 Ferry Road"),
)
SERVICES = ("Office visit", "Blood panel", "X-ray", "ECG", "Skin biopsy", "Physiotherapy session", "Annual check-up")


def build(path: Path) -> None:
    """Write the database; an older file at `path` is replaced."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        connection.executescript(SCHEMA)
        for table, rows in tables().items():
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"insert into {table} values ({marks})", rows)
        connection.commit()
        connection.execute("vacuum")
    finally:
        connection.close()


def tables() -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of every table that does not start empty."""
    slots = _slots()
    booked = list(_appointments(slots))
    taken = {row[3] for row in booked}
    return {
        "settings": [("today", TODAY.isoformat()), ("now", NOW), ("desk_phone", "555-0140")],
        "calendar": [_day(TODAY + timedelta(days=n)) for n in range(30)],
        "plans": [(key, *plan[:3]) for key, plan in PLANS.items()],
        "coverage": list(_coverage()),
        "clinicians": list(_clinicians()),
        "patients": list(_patients()),
        "slots": [(*s[:6], "booked" if s[0] in taken else "free") for s in slots],
        "appointments": booked,
        "waiting_list": list(_waiting(booked)),
        "referrals": list(_referrals()),
        "prescriptions": list(_prescriptions()),
        "pharmacies": [(f"PH{n}", *row) for n, row in enumerate(PHARMACIES, 1)],
        "invoices": list(_invoices()),
    }


def _label(day: date) -> str:
    return f"{day.day} {day:%B}"


def _day(day: date) -> tuple[object, ...]:
    opens, closes, note = "08:00", "18:00", "regular hours"
    if day.weekday() == 5:
        opens, closes, note = "09:00", "12:00", "front desk only, no appointments"
    if day.weekday() == 6:
        return _closed(day, "closed on Sundays")
    if day == TRAINING_DAY:
        return _closed(day, "closed for staff training")
    return (*_closed(day, "")[:5], opens, closes, note)


def _closed(day: date, note: str) -> tuple[object, ...]:
    names = (f"{day:%A}", f"{day:%A} {_label(day)}", _label(day), f"{day:%B} {day.day}")
    return (day.isoformat(), *names, None, None, note)


def _coverage() -> Iterator[tuple[object, ...]]:
    number = 1
    for plan_id, plan in PLANS.items():
        for specialty, (copay, referral, visits) in zip(SPECIALTIES, plan[3], strict=True):
            yield (f"R{number:02}", plan_id, specialty, int(copay is not None), copay, referral, visits)
            number += 1


def _clinicians() -> Iterator[tuple[object, ...]]:
    for number, (name, title, specialty, new, _) in enumerate(CLINICIANS, 1):
        last = name.split()[-1]
        room = f"{1 + number // 7}{number:02}"
        yield (f"C{number:02}", f"{title} {name}", f"{title} {last}", last, specialty, new, room)


def _patients() -> Iterator[tuple[object, ...]]:
    for number, (name, born, plan, guardian) in enumerate(PATIENTS, 1):
        first, last = name.split()
        day = date.fromisoformat(born)
        household = guardian or number
        yield (
            f"P{100 + number}", name, first, last, born, f"{_label(day)} {day.year}", f"555-02{household * 2:02}",
            f"{(first if not guardian else PATIENTS[guardian - 1][0].split()[0]).lower()}.{last.lower()}@mail.example",
            plan, f"{plan[3]}{household * 7919 + number:07}", f"P{100 + guardian}" if guardian else None,
        )  # fmt: skip


def _slots() -> list[tuple[str, str, str, str, int, str]]:
    """Return (slot, clinician, date, start, minutes, kind): three weeks, about two thirds of the times offered."""
    found = []
    for offset in range(19):
        day = TODAY + timedelta(days=offset)
        if day == TRAINING_DAY:
            continue
        for number, clinician in enumerate(CLINICIANS, 1):
            if day.weekday() not in clinician[4]:
                continue
            for position, start in enumerate(TIMES):
                if (position * 5 + number * 3 + offset * 2) % 7 < 2 or (offset == 0 and start < "11:00"):
                    continue
                kind = "video" if start == "15:20" and clinician[2] != "physiotherapy" else "in person"
                found.append((f"S{1001 + len(found)}", f"C{number:02}", day.isoformat(), start, 30, kind))
    return found


def _appointments(slots: list[tuple[str, str, str, str, int, str]]) -> Iterator[tuple[object, ...]]:
    """Give adults one to three upcoming visits with different clinicians, and every other child one."""
    taken: set[str] = set()
    number = 2001
    for index, (_, _, plan, guardian) in enumerate(PATIENTS):
        wanted = (_specialty(index, turn, plan, guardian is not None) for turn in range(_visits(index, guardian)))
        seen: set[str] = set()
        times: set[tuple[str, str]] = set()
        for turn, specialty in enumerate(wanted):
            soon = index % 3 == 0 and turn == 0 and guardian is None
            for slot in _candidates(slots, specialty, index * 7 + turn * 11, soon):
                if slot[0] in taken or slot[1] in seen or (slot[2], slot[3]) in times:
                    continue
                taken.add(slot[0])
                seen.add(slot[1])
                times.add((slot[2], slot[3]))
                known = (index + turn) % 3 != 0 or not CLINICIANS[int(slot[1][1:]) - 1][3]
                kind = "follow-up" if known else "first visit"
                yield (f"A{number}", f"P{101 + index}", slot[1], slot[0], kind, "booked", None)
                number += 1
                break


def _visits(index: int, guardian: int | None) -> int:
    return index % 2 if guardian else (2, 1, 3)[index % 3]


def _specialty(index: int, turn: int, plan: str, minor: bool) -> str:
    if minor:
        return "pediatrics"
    open_to = [s for s, rule in zip(SPECIALTIES[:5], PLANS[plan][3], strict=False) if rule[0] is not None]
    return open_to[(index + turn * 2) % len(open_to)]


def _candidates(
    slots: list[tuple[str, str, str, str, int, str]], specialty: str, start: int, soon: bool
) -> Iterator[tuple[str, str, str, str, int, str]]:
    """Yield fitting slots; `soon` means within 24 hours, otherwise later than that."""
    limit = ((TODAY + timedelta(days=1)).isoformat(), NOW)
    ours = {f"C{n:02}" for n, c in enumerate(CLINICIANS, 1) if c[2] == specialty}
    near = [s for s in slots if (s[2], s[3]) < limit]
    later = [s for s in slots if (s[2], s[3]) >= limit and s[1] in ours]
    fitting = [s for s in near if s[1] in ours] if soon else later
    fitting = fitting or later
    for position in range(len(fitting)):
        yield fitting[(start + position) % len(fitting)]


def _waiting(booked: list[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    parts = ("morning", "afternoon", "any")
    seen = {(row[1], row[2]) for row in booked}
    number = 301
    for index in range(1, 36, 2):
        clinician = f"C{1 + (index * 5) % 11:02}"
        if (f"P{101 + index}", clinician) not in seen:
            added = (TODAY - timedelta(days=3 + index % 9)).isoformat()
            yield (f"W{number}", f"P{101 + index}", clinician, parts[index % 3], added)
            number += 1


def _referrals() -> Iterator[tuple[object, ...]]:
    """Of the specialties that need one, a patient has a valid, an expired or no referral in turn."""
    number = 501
    for index, (_, _, plan, guardian) in enumerate(PATIENTS):
        rules = zip(SPECIALTIES, PLANS[plan][3], strict=True)
        needing = [s for s, rule in rules if rule[0] is not None and rule[1]]
        for position, specialty in enumerate(needing if guardian is None else []):
            state = (index + position) % 3
            if state == 2:
                continue
            days = 45 + index if state == 0 else -(6 + index % 20)
            expires = (TODAY + timedelta(days=days)).isoformat()
            yield (f"F{number}", f"P{101 + index}", specialty, f"C{1 + index % 3:02}", expires, 1 + index % 4)
            number += 1


def _prescriptions() -> Iterator[tuple[object, ...]]:
    number = 701
    for index in range(36):
        for turn in range(1 + index % 3):
            drug, strength, controlled = DRUGS[(index * 2 + turn * 5) % len(DRUGS)]
            due = TODAY + timedelta(days=((index + turn) * 5) % 24 - 4)
            refills = (index + turn * 2) % 5
            row = (f"P{101 + index}", drug, strength, controlled, refills, due.isoformat(), f"C{1 + index % 3:02}")
            yield (f"RX{number}", *row)
            number += 1


def _invoices() -> Iterator[tuple[object, ...]]:
    number = 8001
    for index in range(36):
        for turn in range(1 + index % 2):
            total = 90.0 + (index * 67 + turn * 145) % 640 + (0.5 if index % 4 == 1 else 0)
            share = (0.8, 0.6, 0.25, 0.0)[(index + turn) % 4]
            paid = round(total * share, 2)
            status = "paid" if (index + turn * 3) % 5 == 0 else "open"
            served = TODAY - timedelta(days=20 + (index * 3 + turn * 17) % 60)
            balance = 0.0 if status == "paid" else round(total - paid, 2)
            due = (served + timedelta(days=75)).isoformat()
            service = SERVICES[(index + turn * 3) % len(SERVICES)]
            row = (f"P{101 + index}", service, served.isoformat(), total, paid, balance, due, status)
            yield (f"I{number}", *row)
            number += 1


if __name__ == "__main__":
    build(TARGET)
