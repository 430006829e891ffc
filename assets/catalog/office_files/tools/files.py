"""Tools for finding and reading files."""

import _drive


def list_folder(path: str = ".") -> dict:
    """List the folders and files directly inside one folder of the shared drive.

    Args:
        path: Folder, for example "sales/2026". The top folder is ".".

    Effect: read
    """
    entries = sorted(_drive.folder(path).iterdir(), key=lambda p: p.name)
    return {
        "folder": path,
        "folders": [p.name for p in entries if p.is_dir()],
        "files": [{"name": p.name, "bytes": p.stat().st_size} for p in entries if p.is_file()],
    }


def find_files(name_contains: str = "", extension: str | None = None, folder: str = ".") -> dict:
    """Find files by a part of their name and by their extension, in a folder and everything below it.

    Args:
        name_contains: Part of the file name. Case does not matter; a space also matches "_" and "-".
        extension: Only files with this extension, for example "pdf".
        folder: Folder to look in. Default is the whole drive.

    Effect: read
    """
    wanted = _plain(name_contains)
    ending = _drive.extension(extension) if extension else None
    found = [
        path.as_posix()
        for path in _drive.walk(folder)
        if wanted in _plain(path.name) and (ending is None or path.suffix.lower() == ending)
    ]
    return {"count": len(found), "paths": found}


def _plain(name):
    return name.strip().lower().replace("_", " ").replace("-", " ")


def file_info(path: str) -> dict:
    """Tell whether a file exists, how large it is and how many lines a text file has.

    Args:
        path: The file.

    Effect: read
    """
    found = _drive.locate(path)
    if found.is_dir():
        return {"path": path, "exists": True, "kind": "folder"}
    if not found.is_file():
        return {"path": path, "exists": False}
    info = {"path": path, "exists": True, "kind": found.suffix.lstrip(".").lower(), "bytes": found.stat().st_size}
    if found.suffix.lower() in _drive.TEXT:
        info["lines"] = len(found.read_text(encoding="utf-8").splitlines())
    return info


def read_text(path: str, first_line: int = 1, last_line: int | None = None) -> dict:
    """Read a text file (txt, md, csv, json, yaml, xml, html, log), whole or some of its lines.

    Args:
        path: The text file.
        first_line: First line to read, counted from 1.
        last_line: Last line to read. Default is the end.

    Effect: read
    """
    lines = _drive.text_of(path).splitlines()
    if first_line < 1 or (last_line is not None and last_line < first_line):
        raise ValueError("first_line must be 1 or more and last_line not before it.")
    return {"path": path, "lines_total": len(lines), "text": "\n".join(lines[first_line - 1 : last_line])}


def search_text(text: str, folder: str = ".", extension: str | None = None) -> dict:
    """Search the text files of a folder, or one text file, for a word or phrase and return the lines that hold it.

    PDF, Excel and database files are not searched. At most 100 lines are listed; count tells how many there are.

    Args:
        text: Word or phrase. Case does not matter.
        folder: Folder or single file to search. Default is the whole drive.
        extension: Only files with this extension, for example "md".

    Effect: read
    """
    if not text.strip():
        raise ValueError("Give a word or phrase to search for.")
    place = _drive.locate(folder)
    paths = [place] if place.is_file() else _drive.walk(folder)
    ending = _drive.extension(extension) if extension else None
    found = []
    for path in paths:
        if path.suffix.lower() not in _drive.TEXT or (ending and path.suffix.lower() != ending):
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        found += [
            {"path": path.as_posix(), "line": number, "text": line.strip()}
            for number, line in enumerate(lines, start=1)
            if text.lower() in line.lower()
        ]
    return {"count": len(found), "matches": found[:100]}


def count_words(path: str) -> dict:
    """Count the lines, words and characters of a text file.

    Args:
        path: The text file.

    Effect: read
    """
    text = _drive.text_of(path)
    return {"path": path, "lines": len(text.splitlines()), "words": len(text.split()), "characters": len(text)}
