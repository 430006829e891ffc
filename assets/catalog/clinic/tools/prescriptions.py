"""Repeat prescriptions and refill requests."""

import _store


def list_prescriptions(patient_id: str) -> list:
    """List a patient's repeat prescriptions: drug, strength, whether it is a controlled substance, refills that are
    left and the day on which the next one is due.

    Args:
        patient_id: Id from verify_patient.

    Effect: read
    """
    with _store.database() as db:
        _store.patient(db, patient_id)
        found = _store.rows(
            db,
            "select p.prescription_id, p.drug, p.strength, p.controlled, p.refills_left, p.next_due, "
            "c.short_name as prescriber from prescriptions p "
            "join clinicians c on c.clinician_id = p.prescriber_id where p.patient_id = ? order by p.prescription_id",
            patient_id,
        )
    return [{**row, "controlled": bool(row["controlled"]), "due_day": _store.label(row["next_due"])} for row in found]


def list_pharmacies() -> list:
    """List the pharmacies that take prescriptions from this practice.

    Effect: read
    """
    with _store.database() as db:
        return _store.rows(db, "select * from pharmacies order by pharmacy_id")


def request_refill(prescription_id: str, pharmacy_id: str) -> dict:
    """Send a refill request to a pharmacy. One refill is used up.

    Args:
        prescription_id: Id from list_prescriptions.
        pharmacy_id: Id from list_pharmacies.

    Effect: write
    """
    with _store.database() as db:
        found = _store.one(db, "select * from prescriptions where prescription_id = ?", prescription_id)
        if found is None:
            raise LookupError(f"There is no prescription {prescription_id}.")
        pharmacy = _store.one(db, "select * from pharmacies where pharmacy_id = ?", pharmacy_id)
        if pharmacy is None:
            raise LookupError(f"There is no pharmacy {pharmacy_id}. Use list_pharmacies.")
        if found["refills_left"] < 1:
            raise ValueError(f"No refill is left on {prescription_id}; the patient needs a visit.")
        pending = "select 1 from refill_requests where prescription_id = ? and status = 'sent'"
        if _store.one(db, pending, prescription_id):
            raise ValueError(f"A refill of {prescription_id} has been requested already.")
        number = _store.next_id(db, "refill_requests", "request_id", "RF", 1)
        today = _store.setting(db, "today")
        db.execute(
            "insert into refill_requests values (?, ?, ?, ?, 'sent')", (number, prescription_id, pharmacy_id, today)
        )
        db.execute(
            "update prescriptions set refills_left = refills_left - 1 where prescription_id = ?", (prescription_id,)
        )
        return {
            "request_id": number,
            "drug": found["drug"],
            "strength": found["strength"],
            "pharmacy": pharmacy["name"],
            "refills_left": found["refills_left"] - 1,
        }
