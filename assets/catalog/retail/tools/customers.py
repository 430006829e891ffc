"""Tools for identity and the customer's own details."""

from typing import Literal

import _store


def verify_customer(email: str, postcode: str) -> dict:
    """Check a customer's identity and return the customer id that the other account tools need.

    Both details must match the account. The postcode is the one of the billing address.

    Args:
        email: E-mail address on the account.
        postcode: Billing postcode on the account.
    Effect: read
    """
    for customer_id, row in _store.load("customers").items():
        if row["email"].lower() == email.strip().lower() and row["postcode"] == postcode.strip():
            return {
                "verified": True,
                "customer_id": customer_id,
                "first_name": row["first_name"],
                "tier": row["tier"],
            }
    raise PermissionError("The e-mail address and postcode do not match an account. Ask the customer to check both.")


def get_customer(customer_id: str) -> dict:
    """Return a verified customer's profile: contact details, saved addresses, tier, points and store credit.

    Args:
        customer_id: Id returned by verify_customer.
    Effect: read
    """
    row = _store.customer(customer_id)
    return {"customer_id": customer_id, **row}


def save_address(
    customer_id: str, address_label: Literal["home", "work", "other"], street: str, city: str, postcode: str
) -> dict:
    """Save a delivery address under a label, replacing what was there. Does not touch orders already placed.

    Args:
        customer_id: Id returned by verify_customer.
        address_label: Which of the three address slots to fill.
        street: House number and street, for example '12 Mill Road'.
        city: Town or city.
        postcode: Five-digit postcode.
    Effect: write
    """
    _store.customer(customer_id)
    if not (postcode.isdigit() and len(postcode) == 5):
        raise ValueError(f"{postcode!r} is not a postcode. Use five digits.")
    if not street.strip() or not city.strip():
        raise ValueError("Street and city must not be empty.")
    customers = _store.load("customers")
    address = {"street": street.strip(), "city": city.strip(), "postcode": postcode}
    customers[customer_id]["addresses"][address_label] = address
    _store.save("customers", customers)
    return {"saved": address_label, "address": address}


def update_phone(customer_id: str, phone: str) -> dict:
    """Replace the phone number on an account.

    Args:
        customer_id: Id returned by verify_customer.
        phone: New number in the form 555-0123.
    Effect: write
    """
    _store.customer(customer_id)
    digits = phone.replace("-", "").replace(" ", "")
    if not digits.isdigit() or len(digits) != 7:
        raise ValueError(f"{phone!r} is not a phone number. Use the form 555-0123.")
    customers = _store.load("customers")
    customers[customer_id]["phone"] = f"{digits[:3]}-{digits[3:]}"
    _store.save("customers", customers)
    return {"customer_id": customer_id, "phone": customers[customer_id]["phone"]}


def set_newsletter(customer_id: str, subscribed: bool) -> dict:
    """Switch the newsletter on or off for an account.

    Args:
        customer_id: Id returned by verify_customer.
        subscribed: True to receive the newsletter, False to stop it.
    Effect: write
    """
    _store.customer(customer_id)
    customers = _store.load("customers")
    customers[customer_id]["newsletter"] = subscribed
    _store.save("customers", customers)
    return {"customer_id": customer_id, "newsletter": subscribed}
