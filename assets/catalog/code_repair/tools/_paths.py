"""Keeps the file tools inside the repository."""

from pathlib import Path


def inside(path):
    """Return a relative path as Path. Raises PermissionError when it leads out of the repository or into .git."""
    root = Path().resolve()
    target = (root / path).resolve()
    if not target.is_relative_to(root) or ".git" in target.relative_to(root).parts:
        raise PermissionError(f"{path} lies outside the repository's files.")
    return target


def text_of(path):
    target = inside(path)
    if not target.is_file():
        raise FileNotFoundError(f"There is no file {path}. Use list_files.")
    try:
        return target.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a UTF-8 text file.") from None


def files(folder="."):
    """Return the relative paths of all files below a folder, sorted; caches and .git are left out."""
    root = Path().resolve()
    target = inside(folder)
    if not target.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    found = (p.relative_to(root) for p in target.rglob("*") if p.is_file() and not p.is_symlink())
    return sorted(p.as_posix() for p in found if not {".git", "__pycache__"} & set(p.parts))
