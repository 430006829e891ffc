"""Invoices and payment plans."""

from datetime import date
from typing import Literal

import _store


def list_invoices(patient_id: str, status: Literal["open", "paid", "payment plan", "all"] = "open") -> list:
    """List a patient's invoices with what the insurer paid and the balance in dollars, oldest service first.

    Args:
        patient_id: Id from verify_patient.
        status: Which invoices.

    Effect: read
    """
    with _store.database() as db:
        _store.patient(db, patient_id)
        found = _store.rows(
            db,
            "select invoice_id, service, service_date, total, insurer_paid, balance, due, status from invoices "
            "where patient_id = ? order by service_date, invoice_id",
            patient_id,
        )
    return [row for row in found if status in ("all", row["status"])]


def set_up_payment_plan(invoice_id: str, months: Literal[3, 6, 12]) -> dict:
    """Spread the balance of an open invoice over monthly payments without interest. The first is due in a month.
    All are equal but the last, which makes up for the cents by which they would miss the balance.

    Args:
        invoice_id: Id from list_invoices.
        months: Number of monthly payments.

    Effect: write
    """
    with _store.database() as db:
        found = _store.one(db, "select * from invoices where invoice_id = ?", invoice_id)
        if found is None:
            raise LookupError(f"There is no invoice {invoice_id}.")
        if found["status"] != "open":
            raise ValueError(f"Invoice {invoice_id} is not open: {found['status']}.")
        monthly = round(found["balance"] / months, 2)
        last = round(found["balance"] - monthly * (months - 1), 2)
        today = date.fromisoformat(_store.setting(db, "today"))
        first = date(today.year + today.month // 12, today.month % 12 + 1, min(today.day, 28)).isoformat()
        number = _store.next_id(db, "payment_plans", "payment_plan_id", "PP", 1)
        db.execute("insert into payment_plans values (?, ?, ?, ?, ?)", (number, invoice_id, months, monthly, first))
        db.execute("update invoices set status = 'payment plan' where invoice_id = ?", (invoice_id,))
        return {
            "payment_plan_id": number,
            "invoice_id": invoice_id,
            "months": months,
            "monthly": monthly,
            "last_payment": last,
            "first_payment": first,
            "first_payment_day": _store.label(first),
        }
