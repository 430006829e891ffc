"""Data-set repositories of the Hugging Face hub. The only file that imports huggingface_hub, when it is first used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine import VERSION
from engine.errors import InputError, StorageError
from engine.publishing.places import HubPlace

_AGAIN = "Try again: what has arrived is not sent again."
_MEND = "Mend that and push again."


def push(folder: Path, place: HubPlace, *, token: str | None, variable: str, public: bool) -> str:
    """Upload a folder as one commit and return its address; nothing shows before all of it has arrived.

    A repository that is not there is made, private unless `public`. Files that the hub has already are not sent again.
    Raises InputError when the hub refuses, or when the repository is public and `public` is false; StorageError when it
    cannot be reached.
    """
    with _refusals(place, token, variable):
        hub = _hub(token)
        there = hub.create_repo(place.repo, repo_type="dataset", private=not public, exist_ok=True)
        if not public and hub.repo_info(there.repo_id, repo_type="dataset").private is False:
            move = "Make it private on the hub, or say that the export may be seen by all: --public."
            raise InputError(place.repo, "is public.", move)
        if place.revision is not None:
            hub.create_branch(there.repo_id, branch=place.revision, repo_type="dataset", exist_ok=True)
        done = hub.upload_folder(
            repo_id=there.repo_id,
            folder_path=folder,
            repo_type="dataset",
            revision=place.revision,
            delete_patterns="*",  # shards of an earlier export would be read with those of this one
            commit_message=f"Export of Turnwright {VERSION}",
        )
        return f"{there.url}/tree/{done.oid}"


def pull(place: HubPlace, folder: Path, *, token: str | None, variable: str) -> None:
    """Download a repository into a folder. What a pull that broke off has left there is not fetched again. Raises as
    `push` does."""
    with _refusals(place, token, variable):
        hub = _hub(token)
        # asked for here, since snapshot_download takes what the folder holds for whole when the hub does not answer
        commit = hub.repo_info(place.repo, repo_type="dataset", revision=place.revision).sha
        hub.snapshot_download(place.repo, repo_type="dataset", revision=commit, local_dir=folder)


def _hub(token: str | None) -> Any:
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    return HfApi(token=token, library_name="turnwright", library_version=VERSION)


@contextmanager
def _refusals(place: HubPlace, token: str | None, variable: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into our errors, with the next move and without the token."""
    import httpx
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError as error:
        raise InputError(place.repo, "is no name of a repository.", "Write USER/NAME.") from error
    except errors.LocalTokenNotFoundError as error:
        raise _token_error(place, token, variable) from error
    except errors.RevisionNotFoundError as error:
        problem = f"has no branch, tag or commit {place.revision!r}."
        raise InputError(place.repo, problem, "Leave it out for the main branch.") from error
    except errors.RepositoryNotFoundError as error:
        move = f"Check the name; if it is private, set {variable} to a token that may read it."
        raise InputError(place.repo, "is not on the hub, or not for this token.", move) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise _token_error(place, token, variable) from error
        if status == 429 or status >= 500:
            raise StorageError(f"The hub answers with status {status}. {_AGAIN}") from error
        raise InputError(place.repo, f"the hub refuses it: {_without(token, error)}", _MEND) from error
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, httpx.HTTPError, ConnectionError) as error:
        raise StorageError(f"The hub cannot be reached: {type(error).__name__}. {_AGAIN}") from error
    except ValueError as error:  # of the card, or of a batch of files
        raise InputError(place.repo, f"the hub refuses it: {_without(token, error)}", _MEND) from error
    except RuntimeError as error:
        raise StorageError(f"{_without(token, error)} {_AGAIN}") from error


def _without(token: str | None, error: Exception) -> str:
    """Return what an error says on one line, without the token."""
    told = " ".join(str(error).split())
    return (told.replace(token, "…") if token else told)[:300]


def _token_error(place: HubPlace, token: str | None, variable: str) -> InputError:
    if token is None:
        return InputError(variable, "is not set, and the hub wants a token.", f"Set {variable} to a token of yours.")
    move = f"Give {variable} a token that may write {place.repo}, or name a repository of yours."
    return InputError(variable, f"holds a token that the hub refuses for {place.repo}.", move)
