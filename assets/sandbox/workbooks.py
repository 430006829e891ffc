"""The cells of a workbook (.xlsx) as plain values, so that it compares equal however and whenever it was saved.

Runs inside the sandbox, standard library only. A cell is its formula where it has one, else its value. What only shows
(formats, widths, colours) and what programs write about themselves is left out.
"""

import io
import json
import posixpath
import zipfile

import json_values

_MOST_BYTES = 64 << 20
"""Bytes of all parts of a workbook together, unpacked."""
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_TARGETS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


def load(data):
    """Return ({sheet: {cell: value}}, digest) of a workbook's bytes; None when they are no workbook that is read."""
    import xml.etree.ElementTree  # not at the top: each fork of a server without a workbook would pay for it

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                return None
            found = _sheets(lambda name: _part(archive, name))
    except (zipfile.BadZipFile, xml.etree.ElementTree.ParseError, KeyError, IndexError, ValueError, OverflowError):
        return None
    except (EOFError, NotImplementedError, RuntimeError, OSError):  # damaged, packed in another way, or encrypted
        return None
    return json_values.load(json.dumps(found).encode())


def _part(archive, name):
    """Return the root element of a part. Raises KeyError, ValueError for one with a DTD, which no workbook needs."""
    import xml.etree.ElementTree

    text = archive.read(name)
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ValueError("a part declares entities")
    return xml.etree.ElementTree.fromstring(text)


def _sheets(part):
    targets = {link.get("Id"): link.get("Target") for link in part("xl/_rels/workbook.xml.rels").iter(_TARGETS)}
    try:
        shared = [_text(entry) for entry in part("xl/sharedStrings.xml").iter(_MAIN + "si")]
    except KeyError:
        shared = []
    found = {}
    for sheet in part("xl/workbook.xml").iter(_MAIN + "sheet"):
        place = posixpath.normpath(posixpath.join("/xl", targets[sheet.get(_LINK)])).lstrip("/")
        cells = ((cell.get("r"), _value(cell, shared)) for cell in part(place).iter(_MAIN + "c"))
        found[sheet.get("name")] = {name: value for name, value in cells if value is not None}
    return found


def _value(cell, shared):
    """Return what a cell holds; None for an empty one."""
    formula, value = cell.find(_MAIN + "f"), cell.find(_MAIN + "v")
    if formula is not None:
        return "=" + (formula.text or f"shared {formula.get('si')}")
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        inline = cell.find(_MAIN + "is")
        return _text(inline) if inline is not None else None
    if value is None or value.text is None:
        return None
    if kind == "s":
        return shared[int(value.text)]
    if kind == "b":
        return value.text.strip() == "1"
    if kind == "n":
        number = float(value.text)
        return int(number) if number.is_integer() else number
    return value.text  # a text, an error, a date


def _text(entry):
    """Return the text of a cell with its runs, without what says how it is pronounced."""
    own = [entry, *entry.findall(_MAIN + "r")]
    return "".join(part.text or "" for one in own for part in one.findall(_MAIN + "t"))
