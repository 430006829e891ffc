"""Plans, coverage and referrals."""

from typing import Literal

import _store


def check_coverage(
    plan_id: Literal["PL-BASIC", "PL-PLUS", "PL-FAMILY", "PL-SENIOR", "PL-SAVER", "PL-STUDENT"],
    specialty: Literal["primary care", "dermatology", "cardiology", "orthopedics", "physiotherapy", "pediatrics"],
) -> dict:
    """Say what a plan pays for one specialty: covered or not, copay per visit in dollars, whether a referral is
    needed and how many visits a year it pays (null means no limit).

    Args:
        plan_id: Harbor Basic is PL-BASIC, Harbor Plus PL-PLUS, Meridian Family PL-FAMILY, Meridian Senior PL-SENIOR,
            Northgate Saver PL-SAVER, Northgate Student PL-STUDENT.
        specialty: The field.

    Effect: read
    """
    with _store.database() as db:
        found = _store.one(
            db,
            "select p.name as plan, c.* from coverage c join plans p using (plan_id) where plan_id = ? and specialty = ?",
            plan_id,
            specialty,
        )
    return {
        "plan_id": plan_id,
        "plan": found["plan"],
        "specialty": specialty,
        "covered": bool(found["covered"]),
        "copay": found["copay"],
        "referral_required": bool(found["referral_required"]),
        "visits_per_year": found["visits_per_year"],
    }


def list_referrals(patient_id: str) -> list:
    """List a patient's referrals with what is left of them; `valid` is false for one that has expired.

    Args:
        patient_id: Id from verify_patient.

    Effect: read
    """
    with _store.database() as db:
        _store.patient(db, patient_id)
        today = _store.setting(db, "today")
        found = _store.rows(
            db,
            "select r.referral_id, r.specialty, c.short_name as issued_by, r.expires, r.visits_left "
            "from referrals r join clinicians c on c.clinician_id = r.issued_by where r.patient_id = ? "
            "order by r.referral_id",
            patient_id,
        )
    return [{**row, "valid": row["expires"] >= today and row["visits_left"] > 0} for row in found]
