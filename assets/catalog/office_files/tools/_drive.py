"""Paths on the shared drive. The working directory is the drive's top folder; nothing may lead out of it."""

from pathlib import Path, PurePosixPath

TEXT = {".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".xml", ".html", ".log"}


def locate(path):
    """Return the Path of something on the drive, whether it exists or not."""
    pure = PurePosixPath(path.strip().removesuffix("/") or ".")
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\x00" in path or path.strip().startswith("~"):
        raise PermissionError(f"'{path}' leads out of the shared drive. Use a path below its top folder.")
    found = Path(*pure.parts) if pure.parts else Path(".")
    root = Path.cwd().resolve()
    target = (root / found).resolve()
    if target != root and root not in target.parents:
        raise PermissionError(f"'{path}' leads out of the shared drive. Use a path below its top folder.")
    return found


def file(path):
    """Return the Path of a file that exists."""
    found = locate(path)
    if found.is_dir():
        raise ValueError(f"'{path}' is a folder, not a file.")
    if not found.is_file():
        raise FileNotFoundError(f"There is no file '{path}'.")
    return found


def folder(path):
    """Return the Path of a folder that exists."""
    found = locate(path)
    if not found.is_dir():
        raise FileNotFoundError(f"There is no folder '{path}'.")
    return found


def new_file(path, overwrite=False):
    """Return the Path of a file to be written; an existing one is refused unless it may be overwritten."""
    found = locate(path)
    if found.is_dir() or path.strip().endswith("/"):
        raise ValueError(f"'{path}' is a folder. Give the name of the file as well.")
    if found.exists() and not overwrite:
        raise ValueError(f"'{path}' already exists. Nothing was written.")
    if not found.suffix:
        raise ValueError(f"'{path}' has no extension such as .csv or .txt.")
    for parent in found.parents:
        if parent.exists() and not parent.is_dir():
            raise ValueError(f"'{parent.as_posix()}' is a file, not a folder.")
    return found


def save(found, text):
    """Write text, with the folders it needs."""
    found.parent.mkdir(parents=True, exist_ok=True)
    with open(found, "w", encoding="utf-8", newline="\n") as target:
        target.write(text)


def text_of(path):
    """Return the text of a text file."""
    found = file(path)
    if found.suffix.lower() not in TEXT:
        raise ValueError(f"'{path}' is no text file. Use the tool made for {found.suffix or 'its kind'} files.")
    return found.read_text(encoding="utf-8")


def walk(top):
    """Return all files below a folder in order of their paths."""
    return sorted((p for p in folder(top).rglob("*") if p.is_file()), key=lambda p: p.as_posix())


def extension(text):
    """Return an extension with its dot, in lower case."""
    return "." + text.strip().lower().lstrip(".*")
