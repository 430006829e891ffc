"""Opens the practice's database and looks rows up the way every tool needs them."""

import sqlite3
from contextlib import contextmanager
from datetime import date


@contextmanager
def database():
    """Yield a connection; commit when the block ends well, roll back when it raises."""
    connection = sqlite3.connect("file:clinic.sqlite?mode=rw", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        yield connection
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()


def one(db, query, *values):
    """Return the first row as a dict, or None."""
    row = db.execute(query, values).fetchone()
    return dict(row) if row else None


def rows(db, query, *values):
    return [dict(row) for row in db.execute(query, values)]


def setting(db, key):
    return one(db, "select value from settings where key = ?", key)["value"]


def next_id(db, table, column, prefix, first):
    """Return the next id of a table: the highest number so far plus one."""
    length = len(prefix) + 1
    found = one(db, f"select max(cast(substr({column}, {length}) as integer)) as highest from {table}")
    return f"{prefix}{(found['highest'] or first - 1) + 1}"


def patient(db, patient_id):
    found = one(db, "select * from patients where patient_id = ?", patient_id)
    if found is None:
        raise LookupError(f"There is no patient {patient_id}. Use verify_patient to find the id.")
    return found


def clinician(db, name_or_id):
    """Accept an id, a last name, or a name with or without title."""
    wanted = name_or_id.strip().lower().replace(".", "")
    for title in ("dr ", "ms ", "mr ", "doctor "):
        wanted = wanted.removeprefix(title)
    for row in rows(db, "select * from clinicians order by clinician_id"):
        names = (row["clinician_id"], row["last_name"], row["name"].split(" ", 1)[1])
        if wanted in [name.lower() for name in names]:
            return row
    raise LookupError(f"No clinician called {name_or_id} works here. Use list_clinicians to see who does.")


def slot(db, slot_id):
    found = one(db, "select * from slots where slot_id = ?", slot_id)
    if found is None:
        raise LookupError(f"There is no slot {slot_id}. Use find_free_slots.")
    return found


def appointment(db, appointment_id):
    found = one(
        db,
        "select a.*, s.date, s.start, s.minutes, s.kind from appointments a join slots s using (slot_id) "
        "where a.appointment_id = ?",
        appointment_id,
    )
    if found is None:
        raise LookupError(f"There is no appointment {appointment_id}.")
    return found


def day(text):
    """Return a checked date in the form YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{text!r} is no date. Write it as YYYY-MM-DD.") from None


def label(text):
    """Return a date as people say it: Tuesday 3 March."""
    value = date.fromisoformat(text)
    return f"{value:%A} {value.day} {value:%B}"


def age(born, today):
    then, now = date.fromisoformat(born), date.fromisoformat(today)
    return now.year - then.year - ((now.month, now.day) < (then.month, then.day))
