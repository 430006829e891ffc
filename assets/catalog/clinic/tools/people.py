"""Who is speaking, and the details kept about them."""

import re
from typing import Literal

import _store


def verify_patient(full_name: str, date_of_birth: str) -> dict:
    """Check a person's identity and return their record. Both the full name and the date of birth must match. The
    record shows whether the patient is a minor and who the registered guardian is.

    Args:
        full_name: First and last name as registered.
        date_of_birth: Date of birth as YYYY-MM-DD.

    Effect: read
    """
    born = _store.day(date_of_birth)
    with _store.database() as db:
        found = _store.one(
            db,
            "select p.*, plans.name as plan from patients p join plans using (plan_id) "
            "where lower(p.name) = ? and p.date_of_birth = ?",
            " ".join(full_name.lower().split()),
            born,
        )
        if found is None:
            raise LookupError("Name and date of birth do not match any patient. Ask the person to check both.")
        years = _store.age(born, _store.setting(db, "today"))
        keys = ("patient_id", "name", "plan_id", "plan", "member_number", "phone", "email")
        record = {key: found[key] for key in keys}
        return {**record, "age": years, "is_minor": years < 16, "guardian_id": found["guardian_id"]}


def update_contact(patient_id: str, phone: str | None = None, email: str | None = None) -> dict:
    """Change a patient's phone number, email address or both.

    Args:
        patient_id: Id from verify_patient.
        phone: New number in the form 555-0123. Leave out to keep the old one.
        email: New email address. Leave out to keep the old one.

    Effect: write
    """
    if phone is None and email is None:
        raise ValueError("Give a phone number, an email address or both.")
    if phone is not None and not re.fullmatch(r"555-\d{4}", phone):
        raise ValueError(f"{phone!r} is no phone number of the form 555-0123.")
    if email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]+", email):
        raise ValueError(f"{email!r} is no email address.")
    with _store.database() as db:
        found = _store.patient(db, patient_id)
        new = {"phone": phone or found["phone"], "email": email or found["email"]}
        db.execute("update patients set phone = ?, email = ? where patient_id = ?", (*new.values(), patient_id))
        return {"patient_id": patient_id, **new}


def update_insurance(
    patient_id: str,
    plan_id: Literal["PL-BASIC", "PL-PLUS", "PL-FAMILY", "PL-SENIOR", "PL-SAVER", "PL-STUDENT"],
    member_number: str,
) -> dict:
    """Put a patient on another insurance plan.

    Args:
        patient_id: Id from verify_patient.
        plan_id: Id of the new plan: Harbor Basic is PL-BASIC, Harbor Plus PL-PLUS, Meridian Family PL-FAMILY, Meridian
            Senior PL-SENIOR, Northgate Saver PL-SAVER, Northgate Student PL-STUDENT.
        member_number: Number on the new insurance card: one letter and seven digits.

    Effect: write
    """
    if not re.fullmatch(r"[A-Z]\d{7}", member_number):
        raise ValueError(f"{member_number!r} is no member number: it is one capital letter and seven digits.")
    with _store.database() as db:
        _store.patient(db, patient_id)
        db.execute(
            "update patients set plan_id = ?, member_number = ? where patient_id = ?",
            (plan_id, member_number, patient_id),
        )
        plan = _store.one(db, "select * from plans where plan_id = ?", plan_id)
        return {"patient_id": patient_id, "plan_id": plan_id, "plan": plan["name"], "member_number": member_number}


def request_callback(
    phone: str,
    topic: Literal["nurse advice", "test results", "billing", "medical records", "prescription", "other"],
    part_of_day: Literal["morning", "afternoon"],
) -> dict:
    """Ask the right colleague to call somebody back on the next working day. No identity check is needed.

    Args:
        phone: Number to call, in the form 555-0123.
        topic: What the call is about.
        part_of_day: When the person can be reached.

    Effect: write
    """
    if not re.fullmatch(r"555-\d{4}", phone):
        raise ValueError(f"{phone!r} is no phone number of the form 555-0123.")
    with _store.database() as db:
        number = _store.next_id(db, "callbacks", "callback_id", "CB", 1)
        db.execute(
            "insert into callbacks values (?, ?, ?, ?, ?)",
            (number, phone, topic, part_of_day, _store.setting(db, "today")),
        )
        return {"callback_id": number, "phone": phone, "topic": topic, "part_of_day": part_of_day}
