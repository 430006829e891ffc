"""Who and what Fernhill Supply is: people, products, customers, contracts. Invented, constant, no I/O."""

from __future__ import annotations

from typing import NamedTuple

TODAY = "2026-07-06"
MONTHS = ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06")
MONTH_NAMES = {"01": "January", "02": "February", "03": "March", "04": "April", "05": "May", "06": "June"}


class Employee(NamedTuple):
    id: str
    name: str
    department: str
    title: str
    manager: str
    started: str
    extension: int
    salary: int
    leave_days: int

    @property
    def email(self) -> str:
        return self.name.lower().replace(" ", ".") + "@fernhill-supply.example"


EMPLOYEES = (
    Employee("E01", "Helen Marsh", "Management", "Managing Director", "", "2011-03-01", 100, 98000, 28),
    Employee("E02", "Tomasz Wrona", "Sales", "Head of Sales", "Helen Marsh", "2014-09-15", 110, 72500, 28),
    Employee("E03", "Aisha Rahman", "Sales", "Account Manager North", "Tomasz Wrona", "2019-02-04", 111, 48200, 26),
    Employee("E04", "Callum Boyd", "Sales", "Account Manager South", "Tomasz Wrona", "2021-06-14", 112, 45100, 25),
    Employee("E05", "Linnea Berg", "Sales", "Account Manager East", "Tomasz Wrona", "2018-11-05", 113, 49600, 26),
    Employee("E06", "Rui Tavares", "Sales", "Account Manager West", "Tomasz Wrona", "2023-01-09", 114, 43800, 25),
    Employee("E07", "Marta Lindqvist", "Finance", "Head of Finance", "Helen Marsh", "2013-05-20", 120, 74800, 28),
    Employee("E08", "Dev Patel", "Finance", "Accountant", "Marta Lindqvist", "2020-08-31", 121, 46900, 25),
    Employee("E09", "Ines Calder", "People", "Head of People", "Helen Marsh", "2016-04-11", 130, 68300, 27),
    Employee("E10", "Owen Hughes", "People", "People Assistant", "Ines Calder", "2024-02-19", 131, 34700, 25),
    Employee("E11", "Yara Nasser", "Marketing", "Head of Marketing", "Helen Marsh", "2017-10-02", 140, 66900, 27),
    Employee("E12", "Felix Brandt", "Marketing", "Designer", "Yara Nasser", "2022-03-07", 141, 41500, 25),
    Employee("E13", "Grace Otieno", "Marketing", "Content Editor", "Yara Nasser", "2021-09-13", 142, 40200, 25),
    Employee("E14", "Stefan Kovac", "Warehouse", "Head of Warehouse", "Helen Marsh", "2012-07-16", 150, 61700, 28),
    Employee("E15", "Maeve Doyle", "Warehouse", "Stock Controller", "Stefan Kovac", "2018-01-22", 151, 39400, 26),
    Employee("E16", "Jonas Weber", "Warehouse", "Picker and Packer", "Stefan Kovac", "2022-10-10", 152, 31200, 25),
    Employee("E17", "Nadia Petrova", "Warehouse", "Goods-in Clerk", "Stefan Kovac", "2020-05-04", 153, 32900, 25),
    Employee("E18", "Samir Haddad", "IT", "Head of IT", "Helen Marsh", "2015-12-01", 160, 70100, 28),
    Employee("E19", "Chloe Martin", "IT", "Support Technician", "Samir Haddad", "2023-08-21", 161, 38600, 25),
    Employee("E20", "Bruno Costa", "Warehouse", "Driver", "Stefan Kovac", "2019-07-29", 154, 33500, 26),
)
ACCOUNT_MANAGERS = {"North": "Aisha Rahman", "South": "Callum Boyd", "East": "Linnea Berg", "West": "Rui Tavares"}


class Product(NamedTuple):
    code: str
    name: str
    category: str
    price: float
    cost: float
    supplier: str
    reorder_level: int
    location: str


PRODUCTS = (
    Product("FS-101", "Hand Trowel", "Hand tools", 8.90, 3.85, "Halden Steelworks", 1500, "A-01"),
    Product("FS-102", "Pruning Shears", "Hand tools", 19.50, 8.60, "Halden Steelworks", 1200, "A-02"),
    Product("FS-103", "Garden Fork", "Hand tools", 27.40, 12.75, "Halden Steelworks", 800, "A-04"),
    Product("FS-201", "Terracotta Pot Set", "Pots", 24.00, 10.20, "Rosewood Ceramics", 1000, "B-01"),
    Product("FS-202", "Glazed Planter", "Pots", 36.50, 16.90, "Rosewood Ceramics", 600, "B-03"),
    Product("FS-301", "Watering Can 9 l", "Watering", 16.80, 7.10, "Halden Steelworks", 900, "C-02"),
    Product("FS-302", "Hose Reel 20 m", "Watering", 42.00, 21.30, "Oakline Plastics", 500, "C-05"),
    Product("FS-401", "Bamboo Stakes (25)", "Plant care", 6.40, 2.35, "Sunrise Bamboo", 2000, "D-01"),
    Product("FS-402", "Seed Tray", "Plant care", 4.75, 1.60, "Oakline Plastics", 2200, "D-02"),
    Product("FS-403", "Compost Bin 300 l", "Plant care", 58.00, 29.50, "Oakline Plastics", 400, "D-06"),
    Product("FS-501", "Garden Gloves", "Clothing", 7.20, 2.90, "Greenway Textiles", 1800, "E-01"),
    Product("FS-502", "Kneeling Pad", "Clothing", 11.30, 4.45, "Greenway Textiles", 900, "E-03"),
)


class Customer(NamedTuple):
    id: str
    name: str
    region: str
    segment: str
    contact: str
    since: int
    credit_limit: int


CUSTOMERS = (
    Customer("K-1001", "Ashdown Garden Centre", "North", "Garden centre", "Paula Reeve", 2012, 48000),
    Customer("K-1002", "Birch Lane Nursery", "North", "Nursery", "Martin Oakes", 2015, 32000),
    Customer("K-1003", "Coldwater Homestore", "North", "Retail chain", "Sunita Rao", 2020, 80000),
    Customer("K-1004", "Driftwood Gardens", "South", "Garden centre", "Ellen Foss", 2014, 40000),
    Customer("K-1005", "Elmtree Florists", "South", "Florist", "Noah Brandt", 2019, 16000),
    Customer("K-1006", "Foxglove Nurseries", "South", "Nursery", "Carla Mendes", 2017, 36000),
    Customer("K-1007", "Greenacre DIY", "South", "Retail chain", "Peter Lang", 2013, 100000),
    Customer("K-1008", "Hillcrest Gardens", "East", "Garden centre", "Joan Whitfield", 2016, 44000),
    Customer("K-1009", "Ivy House Plants", "East", "Florist", "Theo Lambert", 2022, 14000),
    Customer("K-1010", "Juniper Yard", "East", "Nursery", "Salma Aziz", 2018, 30000),
    Customer("K-1011", "Kestrel Homeware", "East", "Retail chain", "Gregor Stahl", 2021, 72000),
    Customer("K-1012", "Lavender Court", "West", "Garden centre", "Rosa Marini", 2013, 52000),
    Customer("K-1013", "Mill Pond Nursery", "West", "Nursery", "Daniel Price", 2019, 26000),
    Customer("K-1014", "Northgate Allotments", "West", "Club", "Ivy Chambers", 2023, 10000),
)


class Contract(NamedTuple):
    number: str
    party: str
    slug: str
    subject: str
    signed: str
    start: str
    end: str
    notice: str
    payment: str
    annual_value: int
    owner: str


CONTRACTS = (
    Contract(
        "FS-C-2022-02",
        "Pinecrest Properties",
        "pinecrest_properties_2022",
        "Lease of the Dunmore Road warehouse",
        "2022-01-17",
        "2022-03-01",
        "2028-02-29",
        "9 months",
        "monthly in advance",
        54000,
        "Helen Marsh",
    ),
    Contract(
        "FS-C-2023-01",
        "Halden Steelworks",
        "halden_steelworks_2023",
        "Supply of hand tools and watering cans",
        "2023-01-12",
        "2023-02-01",
        "2027-01-31",
        "3 months",
        "30 days net",
        390000,
        "Stefan Kovac",
    ),
    Contract(
        "FS-C-2023-05",
        "Brockhurst Logistics",
        "brockhurst_logistics_2023",
        "Palletised freight to customers",
        "2023-08-24",
        "2023-10-01",
        "2026-09-30",
        "2 months",
        "14 days net",
        138500,
        "Stefan Kovac",
    ),
    Contract(
        "FS-C-2024-03",
        "Rosewood Ceramics",
        "rosewood_ceramics_2024",
        "Supply of pots and planters",
        "2024-02-15",
        "2024-03-01",
        "2027-02-28",
        "4 months",
        "45 days net",
        265000,
        "Stefan Kovac",
    ),
    Contract(
        "FS-C-2024-06",
        "Netvale Hosting",
        "netvale_hosting_2024",
        "Hosting and support of the web shop",
        "2024-05-30",
        "2024-07-01",
        "2026-12-31",
        "6 weeks",
        "quarterly in advance",
        7800,
        "Samir Haddad",
    ),
    Contract(
        "FS-C-2025-01",
        "Greenway Textiles",
        "greenway_textiles_2025",
        "Supply of gloves and kneeling pads",
        "2025-01-09",
        "2025-02-01",
        "2028-01-31",
        "3 months",
        "30 days net",
        98500,
        "Stefan Kovac",
    ),
    Contract(
        "FS-C-2025-04",
        "Cleanbright Services",
        "cleanbright_services_2025",
        "Cleaning of office and warehouse",
        "2025-04-28",
        "2025-05-15",
        "2027-05-14",
        "1 month",
        "30 days net",
        9600,
        "Ines Calder",
    ),
    Contract(
        "FS-C-2025-07",
        "Sunrise Bamboo",
        "sunrise_bamboo_2025",
        "Supply of bamboo stakes",
        "2025-09-02",
        "2025-10-01",
        "2027-09-30",
        "10 weeks",
        "60 days net",
        52400,
        "Stefan Kovac",
    ),
    Contract(
        "FS-C-2026-01",
        "Oakline Plastics",
        "oakline_plastics_2026",
        "Supply of trays, reels and compost bins",
        "2025-12-11",
        "2026-01-01",
        "2028-12-31",
        "5 months",
        "30 days net",
        312200,
        "Stefan Kovac",
    ),
)


class Invoice(NamedTuple):
    number: str
    supplier: str
    date: str
    due: str
    lines: tuple[tuple[str, int, float], ...]

    @property
    def total(self) -> float:
        return round(sum(quantity * price for _, quantity, price in self.lines), 2)

    @property
    def filed(self) -> str:
        return f"finance/invoices/{self.date}_{self.supplier.lower().replace(' ', '-')}_{self.number.lower()}.pdf"


FILED = (
    Invoice("RC-5521", "Rosewood Ceramics", "2026-05-08", "2026-06-22", (("Terracotta Pot Set", 1800, 10.20),)),
    Invoice("BL-20419", "Brockhurst Logistics", "2026-05-29", "2026-06-12", (("Freight May, pallets", 241, 46.50),)),
    Invoice(
        "HS-88123",
        "Halden Steelworks",
        "2026-06-05",
        "2026-07-05",
        (("Hand Trowel", 2500, 3.85), ("Garden Fork", 900, 12.75)),
    ),
    Invoice("CB-0617", "Cleanbright Services", "2026-06-15", "2026-07-15", (("Cleaning June", 1, 800.00),)),
)
SCANS = (
    (
        "scan_0701.pdf",
        Invoice("RC-5598", "Rosewood Ceramics", "2026-06-24", "2026-08-08", (("Glazed Planter", 700, 16.90),)),
        "Nadia Petrova",
    ),
    (
        "scan_0702.pdf",
        Invoice(
            "BL-20677", "Brockhurst Logistics", "2026-06-30", "2026-07-14", (("Freight June, pallets", 226, 46.50),)
        ),
        "Nadia Petrova",
    ),
    (
        "scan_0703.pdf",
        Invoice(
            "OP-3307",
            "Oakline Plastics",
            "2026-06-26",
            "2026-07-26",
            (("Seed Tray", 4000, 1.60), ("Hose Reel 20 m", 400, 21.30)),
        ),
        "Maeve Doyle",
    ),
    (
        "scan_0704.pdf",
        Invoice("NV-1190", "Netvale Hosting", "2026-07-01", "2026-07-15", (("Hosting, third quarter", 1, 1950.00),)),
        "Chloe Martin",
    ),
    (
        "scan_0705.pdf",
        Invoice(
            "GT-0462",
            "Greenway Textiles",
            "2026-06-29",
            "2026-07-29",
            (("Garden Gloves", 3000, 2.90), ("Kneeling Pad", 900, 4.45)),
        ),
        "Maeve Doyle",
    ),
    (
        "scan_0706.pdf",
        Invoice("SB-7715", "Sunrise Bamboo", "2026-07-02", "2026-08-31", (("Bamboo Stakes (25)", 3500, 2.35),)),
        "Nadia Petrova",
    ),
    (
        "scan_0707.pdf",
        Invoice(
            "PP-2026-07", "Pinecrest Properties", "2026-07-01", "2026-07-01", (("Warehouse rent July", 1, 4500.00),)
        ),
        "Owen Hughes",
    ),
    (
        "scan_0708.pdf",
        Invoice(
            "HS-88460",
            "Halden Steelworks",
            "2026-07-02",
            "2026-08-01",
            (("Pruning Shears", 1600, 8.60), ("Watering Can 9 l", 1000, 7.10)),
        ),
        "Nadia Petrova",
    ),
    (
        "scan_0709.pdf",
        Invoice("CB-0702", "Cleanbright Services", "2026-07-03", "2026-08-02", (("Window cleaning", 1, 340.00),)),
        "Owen Hughes",
    ),
    (
        "scan_0710.pdf",
        Invoice("RC-5610", "Rosewood Ceramics", "2026-07-03", "2026-08-17", (("Terracotta Pot Set", 900, 10.20),)),
        "Maeve Doyle",
    ),
    (
        "scan_0711.pdf",
        Invoice("GT-0471", "Greenway Textiles", "2026-07-03", "2026-08-02", (("Garden Gloves", 1200, 2.90),)),
        "Maeve Doyle",
    ),
    (
        "scan_0712.pdf",
        Invoice("OP-3341", "Oakline Plastics", "2026-07-03", "2026-08-02", (("Compost Bin 300 l", 150, 29.50),)),
        "Nadia Petrova",
    ),
)
