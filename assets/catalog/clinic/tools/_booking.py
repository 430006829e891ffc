"""The rules that the calendar itself enforces."""

from datetime import datetime

import _store


def upcoming(db, patient_id):
    """Return the booked appointments from now on, earliest first."""
    found = _store.rows(
        db,
        "select a.appointment_id from appointments a join slots s using (slot_id) "
        "where a.patient_id = ? and a.status = 'booked' order by s.date, s.start",
        patient_id,
    )
    return [card(db, row["appointment_id"]) for row in found]


def card(db, appointment_id):
    """Return what the desk reads out about one appointment."""
    row = _store.appointment(db, appointment_id)
    person = _store.clinician(db, row["clinician_id"])
    now = datetime.fromisoformat(f"{_store.setting(db, 'today')}T{_store.setting(db, 'now')}")
    notice = datetime.fromisoformat(f"{row['date']}T{row['start']}") - now
    return {
        "appointment_id": appointment_id,
        "clinician_id": row["clinician_id"],
        "clinician": person["short_name"],
        "specialty": person["specialty"],
        "date": row["date"],
        "day": _store.label(row["date"]),
        "start": row["start"],
        "kind": row["kind"],
        "visit_type": row["visit_type"],
        "hours_of_notice": round(notice.total_seconds() / 3600, 1),
        "status": row["status"],
    }


def check(db, person, slot, moving=None):
    """Refuse a slot that the patient cannot have; return the type of visit."""
    if slot["status"] != "free":
        raise ValueError(f"Slot {slot['slot_id']} is not free any more.")
    clinician = _store.clinician(db, slot["clinician_id"])
    years = _store.age(person["date_of_birth"], _store.setting(db, "today"))
    if (clinician["specialty"] == "pediatrics") != (years < 18):
        wanted = "pediatrics" if years < 18 else "the specialists for adults"
        raise ValueError(f"The patient is {years}; book with {wanted}.")
    others = [row for row in upcoming(db, person["patient_id"]) if row["appointment_id"] != moving]
    for row in others:
        if (row["date"], row["start"]) == (slot["date"], slot["start"]):
            raise ValueError(f"The patient has {row['appointment_id']} with {row['clinician']} at that time.")
        if row["clinician_id"] == slot["clinician_id"]:
            raise ValueError(f"The patient already has {row['appointment_id']} with {row['clinician']}.")
    return _visit_type(db, person, clinician, moving)


def _visit_type(db, person, clinician, moving):
    query = "select 1 from appointments where patient_id = ? and clinician_id = ? and status <> 'cancelled'"
    known = moving or _store.one(db, query, person["patient_id"], clinician["clinician_id"])
    if not known and not clinician["accepts_new"]:
        raise PermissionError(f"{clinician['short_name']} takes no new patients.")
    return "follow-up" if known else "first visit"


def use_referral(db, person, slot, referral_id):
    """Use one visit of a referral, or say why it does not fit."""
    found = _store.one(db, "select * from referrals where referral_id = ?", referral_id)
    if found is None or found["patient_id"] != person["patient_id"]:
        raise LookupError(f"The patient has no referral {referral_id}.")
    specialty = _store.clinician(db, slot["clinician_id"])["specialty"]
    if found["specialty"] != specialty:
        raise ValueError(f"Referral {referral_id} is for {found['specialty']}, not for {specialty}.")
    if found["expires"] < slot["date"] or found["visits_left"] < 1:
        raise ValueError(f"Referral {referral_id} is used up or expires before the visit.")
    db.execute("update referrals set visits_left = visits_left - 1 where referral_id = ?", (referral_id,))
