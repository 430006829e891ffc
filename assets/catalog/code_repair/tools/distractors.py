"""Tools of other projects that sound useful here and are not."""

from typing import Literal


def open_issue(title: str, area: Literal["docs", "library", "tests"]) -> dict:
    """Show the form for a public issue, filled in but not sent. Issues are opened by people.

    Args:
        title: Title of the issue.
        area: What it is about.

    Effect: read
    """
    return {"title": title, "area": area, "sent": False}


def build_status(branch: str) -> dict:
    """Show the last nightly build of a branch on the build server. It knows nothing about uncommitted changes.

    Args:
        branch: Name of the branch.

    Effect: read
    """
    return {"branch": branch, "state": "not found", "note": "Only release branches are built at night."}


def find_package(name: str) -> dict:
    """Look a package up in the mirror of the web shop team. stockroom must not use packages.

    Args:
        name: Name of the package.

    Effect: read
    """
    return {"name": name, "available": False, "note": "The mirror serves the web shop only."}
