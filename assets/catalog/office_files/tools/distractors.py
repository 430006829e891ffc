"""Tools with names near to the ones needed. They work, but answer other questions."""

import _drive


def list_headings(path: str) -> dict:
    """List the headings of a Markdown file (lines that start with #).

    Args:
        path: The md file.

    Effect: read
    """
    if _drive.file(path).suffix.lower() != ".md":
        raise ValueError(f"'{path}' is no Markdown file.")
    lines = _drive.text_of(path).splitlines()
    return {"path": path, "headings": [line.lstrip("# ").strip() for line in lines if line.startswith("#")]}


def read_docx(path: str) -> dict:
    """Read the text of a Word document (docx). Not for PDF, text or Excel files.

    Args:
        path: The docx file.

    Effect: read
    """
    import re
    import zipfile

    found = _drive.file(path)
    if found.suffix.lower() != ".docx" or not zipfile.is_zipfile(found):
        raise ValueError(f"'{path}' is no Word document.")
    with zipfile.ZipFile(found) as archive:
        body = archive.read("word/document.xml").decode()
    return {"path": path, "text": re.sub(r"<[^>]+>", "", re.sub(r"</w:p>", "\n", body))}


def file_checksum(path: str) -> dict:
    """Return the SHA-256 checksum of a file, for comparing it with another copy bit by bit.

    Args:
        path: The file.

    Effect: read
    """
    import hashlib

    return {"path": path, "sha256": hashlib.sha256(_drive.file(path).read_bytes()).hexdigest()}


def text_statistics(path: str) -> dict:
    """Return the average word length and average line length of a text file. Not for columns of numbers.

    Args:
        path: The text file.

    Effect: read
    """
    text = _drive.text_of(path)
    words, lines = text.split(), text.splitlines()
    return {
        "path": path,
        "average_word_length": round(sum(map(len, words)) / len(words), 2) if words else 0,
        "average_line_length": round(sum(map(len, lines)) / len(lines), 2) if lines else 0,
    }
