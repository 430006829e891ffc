"""The calendar: clinicians, free slots, appointments and the waiting list."""

from typing import Literal

import _booking
import _store


def practice_day(date: str) -> dict:
    """Say whether the practice is open on one day, from when to when, and why not.

    Args:
        date: The day as YYYY-MM-DD, within the next 30 days.

    Effect: read
    """
    with _store.database() as db:
        found = _store.one(db, "select * from calendar where date = ?", _store.day(date))
    if found is None:
        raise LookupError("The calendar covers the next 30 days only.")
    return {
        "date": found["date"],
        "day": found["label"],
        "open": found["opens"] is not None,
        "opens": found["opens"],
        "closes": found["closes"],
        "note": found["note"],
    }


def list_clinicians(
    specialty: Literal["primary care", "dermatology", "cardiology", "orthopedics", "physiotherapy", "pediatrics"],
) -> list:
    """List the clinicians of one specialty and whether they take new patients.

    Args:
        specialty: The field.

    Effect: read
    """
    query = "select clinician_id, name, specialty, accepts_new from clinicians where specialty = ? order by clinician_id"
    with _store.database() as db:
        return [{**row, "accepts_new": bool(row["accepts_new"])} for row in _store.rows(db, query, specialty)]


def find_free_slots(clinician: str, from_date: str, to_date: str) -> dict:
    """List a clinician's free slots between two days, earliest first.

    Args:
        clinician: Last name or id of the clinician.
        from_date: First day as YYYY-MM-DD.
        to_date: Last day as YYYY-MM-DD; the same as from_date for one day.

    Effect: read
    """
    first, last = _store.day(from_date), _store.day(to_date)
    if last < first:
        raise ValueError("to_date lies before from_date.")
    with _store.database() as db:
        person = _store.clinician(db, clinician)
        now = (_store.setting(db, "today"), _store.setting(db, "now"))
        found = _store.rows(
            db,
            "select slot_id, date, start, kind from slots where clinician_id = ? and status = 'free' "
            "and date between ? and ? order by date, start",
            person["clinician_id"],
            first,
            last,
        )
    slots = [{**row, "day": _store.label(row["date"])} for row in found if (row["date"], row["start"]) > now]
    return {"clinician_id": person["clinician_id"], "clinician": person["short_name"], "slots": slots}


def list_appointments(patient_id: str) -> list:
    """List a patient's upcoming appointments, earliest first, each with the hours of notice that are left.

    Args:
        patient_id: Id from verify_patient.

    Effect: read
    """
    with _store.database() as db:
        _store.patient(db, patient_id)
        return _booking.upcoming(db, patient_id)


def book_appointment(patient_id: str, slot_id: str, referral_id: str | None = None) -> dict:
    """Book a free slot for a patient. With a referral, one of its visits is used up.

    Args:
        patient_id: Id from verify_patient.
        slot_id: Id from find_free_slots.
        referral_id: Id from list_referrals; needed when the patient's plan asks for a referral.

    Effect: write
    """
    with _store.database() as db:
        person, slot = _store.patient(db, patient_id), _store.slot(db, slot_id)
        kind = _booking.check(db, person, slot)
        if referral_id is not None:
            _booking.use_referral(db, person, slot, referral_id)
        number = _store.next_id(db, "appointments", "appointment_id", "A", 2001)
        db.execute(
            "insert into appointments values (?, ?, ?, ?, ?, 'booked', null)",
            (number, patient_id, slot["clinician_id"], slot_id, kind),
        )
        db.execute("update slots set status = 'booked' where slot_id = ?", (slot_id,))
        return _booking.card(db, number)


def move_appointment(appointment_id: str, new_slot_id: str) -> dict:
    """Move an appointment to another free slot of the same clinician.

    Args:
        appointment_id: Id from list_appointments.
        new_slot_id: Id from find_free_slots.

    Effect: write
    """
    with _store.database() as db:
        old, slot = _store.appointment(db, appointment_id), _store.slot(db, new_slot_id)
        if old["status"] != "booked":
            raise ValueError(f"Appointment {appointment_id} is {old['status']}.")
        if slot["clinician_id"] != old["clinician_id"]:
            raise ValueError("The new slot belongs to another clinician. Cancel and book instead.")
        _booking.check(db, _store.patient(db, old["patient_id"]), slot, moving=appointment_id)
        db.execute("update slots set status = 'free' where slot_id = ?", (old["slot_id"],))
        db.execute("update slots set status = 'booked' where slot_id = ?", (new_slot_id,))
        db.execute("update appointments set slot_id = ? where appointment_id = ?", (new_slot_id, appointment_id))
        return _booking.card(db, appointment_id)


def cancel_appointment(
    appointment_id: str,
    reason: Literal["no longer needed", "schedule conflict", "travel", "illness", "other"],
) -> dict:
    """Cancel an appointment and free its slot.

    Args:
        appointment_id: Id from list_appointments.
        reason: What the patient said; "other" when they gave no reason.

    Effect: write
    """
    with _store.database() as db:
        old = _store.appointment(db, appointment_id)
        if old["status"] != "booked":
            raise ValueError(f"Appointment {appointment_id} is {old['status']} already.")
        db.execute(
            "update appointments set status = 'cancelled', cancel_reason = ? where appointment_id = ?",
            (reason, appointment_id),
        )
        db.execute("update slots set status = 'free' where slot_id = ?", (old["slot_id"],))
        return {**_booking.card(db, appointment_id), "status": "cancelled", "reason": reason}


def list_waiting_list(patient_id: str) -> list:
    """List the waiting lists that a patient is on.

    Args:
        patient_id: Id from verify_patient.

    Effect: read
    """
    with _store.database() as db:
        _store.patient(db, patient_id)
        return _store.rows(
            db,
            "select w.entry_id, c.short_name as clinician, w.part_of_day, w.added_on from waiting_list w "
            "join clinicians c using (clinician_id) where w.patient_id = ? order by w.entry_id",
            patient_id,
        )


def join_waiting_list(patient_id: str, clinician: str, part_of_day: Literal["morning", "afternoon", "any"]) -> dict:
    """Put a patient on a clinician's waiting list for an earlier slot.

    Args:
        patient_id: Id from verify_patient.
        clinician: Last name or id of the clinician.
        part_of_day: When the patient could come; "any" when they did not say.

    Effect: write
    """
    with _store.database() as db:
        _store.patient(db, patient_id)
        person = _store.clinician(db, clinician)
        query = "select 1 from waiting_list where patient_id = ? and clinician_id = ?"
        if _store.one(db, query, patient_id, person["clinician_id"]):
            raise ValueError(f"The patient waits for {person['short_name']} already.")
        number = _store.next_id(db, "waiting_list", "entry_id", "W", 301)
        today = _store.setting(db, "today")
        db.execute(
            "insert into waiting_list values (?, ?, ?, ?, ?)",
            (number, patient_id, person["clinician_id"], part_of_day, today),
        )
        ahead = _store.one(
            db, "select count(*) as waiting from waiting_list where clinician_id = ?", person["clinician_id"]
        )
        return {
            "entry_id": number,
            "clinician": person["short_name"],
            "part_of_day": part_of_day,
            "position": ahead["waiting"],
        }


def leave_waiting_list(entry_id: str) -> dict:
    """Take a patient off a waiting list.

    Args:
        entry_id: Id from list_waiting_list.

    Effect: write
    """
    with _store.database() as db:
        found = _store.one(
            db,
            "select w.entry_id, c.short_name as clinician from waiting_list w join clinicians c using (clinician_id) "
            "where w.entry_id = ?",
            entry_id,
        )
        if found is None:
            raise LookupError(f"There is no entry {entry_id} on any waiting list.")
        db.execute("delete from waiting_list where entry_id = ?", (entry_id,))
        return {**found, "removed": True}
