"""Minutes of meetings and the actions agreed in them."""

from __future__ import annotations

from typing import NamedTuple

from tests.catalog.office_drive.company import MONTH_NAMES, MONTHS
from tests.catalog.office_drive.figures import Figures


class Action(NamedTuple):
    id: str
    owner: str
    text: str
    due: str
    meeting: str
    status: str

    @property
    def line(self) -> str:
        return f"- {self.id} {self.owner}: {self.text} (due {self.due})"


ACTIONS = (
    Action(
        "A-01", "Aisha Rahman", "visit Coldwater Homestore about the spring range", "2026-02-20", "2026-02-03", "done"
    ),
    Action("A-02", "Rui Tavares", "win back Northgate Allotments", "2026-03-31", "2026-02-03", "done"),
    Action("A-03", "Stefan Kovac", "order enough seed trays for April", "2026-03-13", "2026-03-03", "done"),
    Action(
        "A-04",
        "Linnea Berg",
        "offer Kestrel Homeware a pallet price for compost bins",
        "2026-03-27",
        "2026-03-03",
        "open",
    ),
    Action(
        "A-05", "Tomasz Wrona", "compare first quarter revenue with the targets", "2026-04-21", "2026-04-07", "done"
    ),
    Action("A-06", "Callum Boyd", "ask Greenacre DIY for a planter display", "2026-04-30", "2026-04-07", "open"),
    Action("A-07", "Maeve Doyle", "check all shelf labels in aisle B", "2026-05-08", "2026-04-21", "done"),
    Action("A-08", "Jonas Weber", "take part in the first aid course", "2026-06-12", "2026-04-21", "open"),
    Action("A-09", "Stefan Kovac", "replace the broken pallet jack", "2026-05-29", "2026-04-21", "open"),
    Action("A-10", "Aisha Rahman", "collect photos of customer displays", "2026-05-29", "2026-05-05", "open"),
    Action("A-11", "Dev Patel", "list unpaid customer invoices older than 60 days", "2026-05-22", "2026-05-05", "done"),
    Action("A-12", "Grace Otieno", "write the June newsletter", "2026-06-05", "2026-05-19", "done"),
    Action(
        "A-13", "Felix Brandt", "retake the photos that are too small for print", "2026-07-10", "2026-05-19", "open"
    ),
    Action("A-14", "Yara Nasser", "summarise the customer survey of May", "2026-06-19", "2026-05-19", "open"),
    Action("A-15", "Linnea Berg", "prepare the trade fair stand list", "2026-07-17", "2026-06-02", "open"),
    Action("A-16", "Rui Tavares", "call Mill Pond Nursery about late payments", "2026-06-16", "2026-06-02", "open"),
    Action(
        "A-17", "Nadia Petrova", "agree fixed delivery slots with Sunrise Bamboo", "2026-06-30", "2026-06-02", "open"
    ),
    Action("A-18", "Chloe Martin", "find out why two nightly backups failed", "2026-07-03", "2026-06-16", "open"),
    Action("A-19", "Samir Haddad", "get an offer for faster web shop search", "2026-07-24", "2026-06-16", "open"),
    Action("A-20", "Dev Patel", "book all open scans of the inbox", "2026-07-10", "2026-07-02", "open"),
    Action("A-21", "Callum Boyd", "send Elmtree Florists the new price list", "2026-07-14", "2026-07-02", "open"),
    Action("A-22", "Tomasz Wrona", "propose targets for the third quarter", "2026-07-20", "2026-07-02", "open"),
    Action("A-23", "Owen Hughes", "collect holiday plans of all departments", "2026-07-15", "2026-07-02", "open"),
    Action(
        "A-24",
        "Marta Lindqvist",
        "check the Brockhurst contract before its notice date",
        "2026-07-24",
        "2026-07-02",
        "open",
    ),
)
MEETINGS = {
    "2026-01": "2026-02-03",
    "2026-02": "2026-03-03",
    "2026-03": "2026-04-07",
    "2026-04": "2026-05-05",
    "2026-05": "2026-06-02",
    "2026-06": "2026-07-02",
}
REMARKS = {
    "2026-01": "A better start than expected, thanks to early chain orders. Florists order late, as it is cold.",
    "2026-02": "A weak month. Pre-orders for the season come in only now. Seed trays must not run out again.",
    "2026-03": "The season has begun. The trade fair brought eleven new contacts.",
    "2026-04": "Good month. Two customers complained about chipped pots; Rosewood has promised better boxes.",
    "2026-05": "The open warehouse day pays off. Freight was on time on all but one day.",
    "2026-06": "Heat slows the florists down. The half year is closed; figures are final.",
}
DECISIONS = {
    "2026-01": "Prices stay as they are until summer.",
    "2026-02": "Retail chains keep eight percent off the list price.",
    "2026-03": "We sponsor the Dunmore allotment show with EUR 500.00.",
    "2026-04": "Chipped pots are credited without a return.",
    "2026-05": "East is served on Wednesdays and West on Thursdays from July.",
    "2026-06": "The trade fair stand in October is booked with 12 square metres.",
}


def sales_review(figures: Figures, month: str) -> tuple[str, str]:
    """Return path and text of the review held after a month."""
    day, name = MEETINGS[month], MONTH_NAMES[month[5:]]
    regions = figures.total(month, lambda x: x.customer.region)
    product, value = figures.best(lambda x: x.product.name, month)
    customer, spent = figures.best(lambda x: x.customer.name, month)
    orders = len({x.order for x in figures.lines[month]})
    lines = [
        f"# Sales review {name} 2026",
        "",
        f"Date: {day}",
        "Place: meeting room Fern",
        "Present: Helen Marsh, Tomasz Wrona, Aisha Rahman, Callum Boyd, Linnea Berg, Rui Tavares, Dev Patel",
        "",
        "## Figures",
        "",
        f"Revenue in {name}: EUR {figures.revenue(month):,.2f} from {orders} orders.",
        "By region: " + ", ".join(f"{region} EUR {amount:,.2f}" for region, amount in regions.items()) + ".",
        f"Best product: {product} with EUR {value:,.2f}. Best customer: {customer} with EUR {spent:,.2f}.",
    ]
    if month[5:] in ("03", "06"):
        quarter = MONTHS[:3] if month == "2026-03" else MONTHS[3:]
        lines.append(f"The quarter closed with EUR {figures.revenue(*quarter):,.2f}.")
    if month == "2026-06":
        lines.append(f"The first half of 2026 closed with EUR {figures.revenue(*MONTHS):,.2f}.")
    lines += ["", REMARKS[month], "", "## Decisions", "", f"- {DECISIONS[month]}", "", "## Actions", ""]
    lines += [action.line for action in ACTIONS if action.meeting == day]
    return f"meetings/{day}_sales_review.md", "\n".join(lines) + "\n"


def _other(title: str, day: str, present: str, body: str, decision: str) -> str:
    actions = "\n".join(action.line for action in ACTIONS if action.meeting == day)
    return (
        f"# {title}\n\nDate: {day}\nPlace: meeting room Fern\nPresent: {present}\n\n{body}\n\n"
        f"## Decisions\n\n- {decision}\n\n## Actions\n\n{actions}\n"
    )


OTHER_MEETINGS = {
    "meetings/2026-04-21_warehouse_safety.md": _other(
        "Warehouse safety",
        "2026-04-21",
        "Stefan Kovac, Maeve Doyle, Jonas Weber, Nadia Petrova, Bruno Costa, Ines Calder",
        "No accident since 2025-11-03. The pallet jack in aisle C brakes badly and is out of use.\n"
        "Two colleagues still need the first aid course.",
        "High-visibility vests are worn in the yard at all times.",
    ),
    "meetings/2026-05-19_marketing_planning.md": _other(
        "Marketing planning",
        "2026-05-19",
        "Yara Nasser, Felix Brandt, Grace Otieno, Tomasz Wrona",
        "Photos for the printed catalogue must be at least 1000 pixels wide. Some are too small.\n"
        "The customer survey of May had 96 answers.",
        "The summer gloves campaign starts on 2026-06-15 with a budget of EUR 1,100.00.",
    ),
    "meetings/2026-06-16_it_review.txt": _other(
        "IT review",
        "2026-06-16",
        "Samir Haddad, Chloe Martin, Helen Marsh",
        "The nightly backup failed twice in June. The web shop logs show payment gateway timeouts.\n"
        "Netvale has been asked for an explanation.",
        "Phones are replaced when their warranty ends.",
    ),
}
