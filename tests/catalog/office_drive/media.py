"""The drive's pictures (png, jpg) and archives (zip)."""

from __future__ import annotations

import io
import random
import zipfile

from PIL import Image, ImageDraw

from tests.catalog.office_drive.company import PRODUCTS
from tests.catalog.office_drive.figures import Figures

GREEN, CREAM, CLAY, SKY = (38, 92, 66), (247, 243, 232), (181, 96, 62), (196, 222, 232)
PHOTOS = (
    ("FS-101", "hand_trowel", (1200, 900), "Felix Brandt"),
    ("FS-102", "pruning_shears", (1200, 900), "Felix Brandt"),
    ("FS-201", "terracotta_pot_set", (900, 1200), "Felix Brandt"),
    ("FS-202", "glazed_planter", (640, 480), "Grace Otieno"),
    ("FS-301", "watering_can", (1200, 800), "Felix Brandt"),
    ("FS-302", "hose_reel", (800, 600), "Grace Otieno"),
    ("FS-403", "compost_bin", (1000, 1000), "Felix Brandt"),
    ("FS-501", "garden_gloves", (640, 640), "Grace Otieno"),
)
PRICE_SHARE = {2023: 0.88, 2024: 0.93, 2025: 0.97}


def files(figures: Figures) -> dict[str, bytes]:
    found = {f"marketing/photos/{code}_{name}.jpg": _photo(name, size) for code, name, size, _ in PHOTOS}
    rows = [f"{code},{code}_{name}.jpg,{who},2026-03-{11 + n}" for n, (code, name, _, who) in enumerate(PHOTOS)]
    found["marketing/photos/photo_index.csv"] = (
        "product_code,file,photographer,taken_on\n" + "\n".join(rows) + "\n"
    ).encode()
    found["marketing/brand/logo.png"] = _logo(512, GREEN, None)
    found["marketing/brand/logo_small.png"] = _logo(128, GREEN, None)
    found["marketing/brand/logo_on_green.png"] = _logo(512, CREAM, GREEN)
    found["finance/expenses/receipts/receipt_train.jpg"] = _photo("receipt", (600, 900))
    found["finance/expenses/receipts/receipt_lunch.jpg"] = _photo("lunch", (600, 840))
    found["archive/sales_2025.zip"] = _zip({f"sales_2025-q{q}.csv": _old_quarter(q) for q in (1, 2, 3, 4)})
    found["archive/price_lists.zip"] = _zip({f"price_list_{year}.csv": _old_prices(year) for year in PRICE_SHARE})
    found["archive/newsletters_2025.zip"] = _zip(
        {
            f"newsletter_{month}.txt": f"Fernhill Supply news, {month} 2025\n\n{text}\n".encode()
            for month, text in (
                ("march", "Seed trays are back in stock."),
                ("june", "Our new planters have arrived."),
                ("september", "Order bulbs by the end of the month."),
                ("november", "We close on 23 December."),
            )
        }
    )
    return found


def _old_quarter(quarter: int) -> bytes:
    source = random.Random(f"2025-{quarter}")
    lines = ["month,region,orders,revenue"]
    for month in range(quarter * 3 - 2, quarter * 3 + 1):
        for region in ("North", "South", "East", "West"):
            lines.append(f"2025-{month:02d},{region},{source.randint(6, 16)},{source.uniform(24000, 88000):.2f}")
    return ("\n".join(lines) + "\n").encode()


def _old_prices(year: int) -> bytes:
    rows = [
        f"{p.code},{p.name},{p.price * PRICE_SHARE[year]:.2f}" for p in PRODUCTS if year > 2023 or p.code != "FS-403"
    ]
    return ("product_code,product,list_price\n" + "\n".join(rows) + "\n").encode()


def _photo(name: str, size: tuple[int, int]) -> bytes:
    source = random.Random(name)
    picture = Image.new("RGB", size, SKY if "receipt" not in name and name != "lunch" else CREAM)
    pen = ImageDraw.Draw(picture)
    width, height = size
    pen.rectangle((0, height * 2 // 3, width, height), fill=(203, 190, 160))
    for _ in range(4):
        x, y = source.randint(width // 6, width // 2), source.randint(height // 5, height // 2)
        w, h = source.randint(width // 8, width // 3), source.randint(height // 8, height // 3)
        shape = source.choice((pen.ellipse, pen.rectangle))
        shape((x, y, x + w, y + h), fill=source.choice((GREEN, CLAY, (120, 132, 140))))
    return _saved(picture, "JPEG", quality=70, dpi=(72, 72))


def _logo(side: int, ink: tuple[int, int, int], ground: tuple[int, int, int] | None) -> bytes:
    mode = "RGB" if ground else "RGBA"
    picture = Image.new(mode, (side, side), ground or (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    for leaf in range(5):
        low = side * (8 - leaf) // 10
        half = side * (5 - leaf) // 16
        pen.polygon([(side // 2, low), (side // 2 - half, low - side // 10), (side // 2, low - side // 12)], fill=ink)
        pen.polygon([(side // 2, low), (side // 2 + half, low - side // 10), (side // 2, low - side // 12)], fill=ink)
    pen.line((side // 2, side // 5, side // 2, side * 9 // 10), fill=ink, width=max(2, side // 40))
    return _saved(picture, "PNG", dpi=(144, 144))


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 5, 9, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
