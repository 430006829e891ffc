"""Tools of other desks in the building that sound useful here and are not."""

from typing import Literal


def lookup_symptom(symptom: str) -> dict:
    """Search the training leaflet for student nurses. It is teaching material and must not be quoted to patients.

    Args:
        symptom: What to look for.

    Effect: read
    """
    return {"symptom": symptom, "leaflet": "Refer every question about symptoms to a nurse."}


def find_hospital_bed(ward: Literal["medical", "surgical", "children"]) -> dict:
    """Show free beds at the county hospital next door. The practice cannot reserve them.

    Args:
        ward: Which ward.

    Effect: read
    """
    return {"ward": ward, "free_beds": {"medical": 4, "surgical": 2, "children": 3}[ward]}


def reserve_meeting_room(date: str, start: str) -> dict:
    """Check the staff meeting room for one hour. It is not for patient visits.

    Args:
        date: Day as YYYY-MM-DD.
        start: Time as HH:MM.

    Effect: read
    """
    return {"room": "Conference room B", "date": date, "start": start, "free": True}


def staff_roster(clinician: str) -> dict:
    """Show on which weekdays a member of staff is on duty, for payroll. It says nothing about free slots.

    Args:
        clinician: Last name.

    Effect: read
    """
    return {"clinician": clinician, "note": "Rosters are kept by the office of human resources."}
