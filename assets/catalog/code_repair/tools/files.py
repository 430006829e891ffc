"""Reading, searching and editing the files of the repository."""

import re

import _paths


def list_files(folder: str = ".") -> list:
    """List the files of the repository, or of one folder of it, as relative paths.

    Args:
        folder: Folder to list; the whole repository by default.

    Effect: read
    """
    return _paths.files(folder)


def search_code(pattern: str, folder: str = ".") -> list:
    """Search all files for a regular expression and return the matching lines with path and line number. At most 50.

    Args:
        pattern: Python regular expression, for example `def parse_`.
        folder: Folder to search; the whole repository by default.

    Effect: read
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"The pattern is no regular expression: {error}.") from None
    found = []
    for path in _paths.files(folder):
        try:
            lines = _paths.text_of(path).splitlines()
        except ValueError:
            continue
        found += [{"path": path, "line": n, "text": line} for n, line in enumerate(lines, 1) if wanted.search(line)]
    return found[:50]


def read_file(path: str, first: int = 1, last: int | None = None) -> dict:
    """Read a text file, or some of its lines.

    Args:
        path: Path relative to the repository.
        first: First line, counted from 1.
        last: Last line, inclusive; to the end of the file by default.

    Effect: read
    """
    lines = _paths.text_of(path).splitlines(keepends=True)
    if first < 1 or (last is not None and last < first):
        raise ValueError("Lines are counted from 1, and last must not be before first.")
    return {"path": path, "lines": len(lines), "text": "".join(lines[first - 1 : last])}


def edit_file(path: str, old: str, new: str) -> dict:
    """Replace one passage of a text file. The old passage must occur exactly once; give enough lines around it.

    Args:
        path: Path relative to the repository.
        old: The passage as it stands in the file, with its indentation.
        new: What shall stand there instead.

    Effect: write
    """
    text = _paths.text_of(path)
    times = text.count(old) if old else 0
    if times != 1:
        raise ValueError(f"The old passage occurs {times} times in {path}; it must occur exactly once.")
    if old == new:
        raise ValueError("Old and new passage are equal.")
    _paths.inside(path).write_bytes(text.replace(old, new).encode("utf-8"))
    return {"path": path, "replaced": 1, "line": text[: text.index(old)].count("\n") + 1}


def write_file(path: str, text: str) -> dict:
    """Write a whole text file; an older one is replaced. Use edit_file for small changes.

    Args:
        path: Path relative to the repository.
        text: The whole new content.

    Effect: write
    """
    target = _paths.inside(path)
    if target.is_dir():
        raise ValueError(f"{path} is a folder.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(text.encode("utf-8"))
    return {"path": path, "characters": len(text)}
