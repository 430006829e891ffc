"""The files of a sandbox: laid anew for every rollout, and read and written without following links out of the folder.

Runs inside the sandbox, standard library only. A `Workspace` keeps every pristine byte in memory and lays itself anew
by comparing content: files that differ are replaced and read back, files that do not belong are removed.
"""

import base64
import contextlib
import os
import stat

GIT_IDENTITY = {
    "GIT_AUTHOR_NAME": "Turnwright",
    "GIT_AUTHOR_EMAIL": "workspace@turnwright.invalid",
    "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "Turnwright",
    "GIT_COMMITTER_EMAIL": "workspace@turnwright.invalid",
    "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Flags that neither follow a link nor wait at a pipe."""
MOST_DEEP = 100
"""Folders inside one another, below which `walk` does not look."""
_LONGEST = 3800
"""Bytes of a path below which `walk` does not look. Linux takes 4096, and names are added to it."""


_MOST_AT_ONCE = 16 << 20
"""Bytes of the largest file that `read` returns: the server then holds it several times."""


class Escape(Exception):
    """A path that leads out of the workspace, or is not a regular file, or a file that is too large to be returned."""


class TooMany(Exception):
    """The workspace holds more files and folders than `walk` was to look at."""


class Unverified(Exception):
    """The workspace could not be brought back to its pristine state."""


def folders_below(root):
    """Return the workspace and the temporary folder of tools (TMPDIR) below the root of a sandbox."""
    return os.path.join(root, "work"), os.path.join(root, "tmp")


class Workspace:
    """`folder` is the workspace, `scratch` the temporary folder of tools (TMPDIR); `lay` empties it. `files` holds the
    pristine content as {path: (bytes, mode)}, `folders` the folders that it needs."""

    def __init__(self, root):
        self.folder, self.scratch = folders_below(root)
        self.files = {}
        self.folders = set()

    def describe(self, encoded):
        """Set the pristine content from {path: base64}."""
        self.files = {path: (base64.b64decode(data), 0o644) for path, data in encoded.items()}
        self._find_folders()

    def _find_folders(self):
        self.folders = set()
        for path in self.files:
            parts = path.split("/")[:-1]
            self.folders.update("/".join(parts[: n + 1]) for n in range(len(parts)))

    def adopt_git(self):
        """Add the files of the newly made .git to the pristine content."""
        for path, entry in list(self.walk(git=True)):
            if path.startswith(".git/") and stat.S_ISREG(entry.st_mode):
                self.files[path] = (self.content(path), stat.S_IMODE(entry.st_mode))
        self._find_folders()
        for folder, names, _ in os.walk(os.path.join(self.folder, ".git")):
            inside = os.path.relpath(folder, self.folder)
            self.folders.update([inside, *(os.path.join(inside, name) for name in names)])

    def lay(self):
        """Make the folder equal the pristine content. Raises Unverified when that cannot be achieved."""
        for folder in (self.folder, self.scratch):
            if not os.path.isdir(folder) or os.path.islink(folder):
                remove(folder)
                os.makedirs(folder, 0o755, exist_ok=True)
            os.chmod(folder, 0o755)
            _unmark(folder)
        try:
            kept = self._sweep()
        except (OSError, RecursionError):
            kept = self._wipe()
        try:
            _empty(self.scratch)
            self._write_missing(kept)
        except (OSError, RecursionError) as error:
            raise Unverified(str(error)) from error

    def _sweep(self):
        """Remove all that is not pristine, and return the paths of the files that still are, in content, kind and
        mode."""
        kept = set()
        waiting = [("", self.folder)]
        while waiting:
            prefix, folder = waiting.pop()
            with os.scandir(folder) as entries:
                for entry in list(entries):
                    name = prefix + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if name in self.folders:
                            if stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode) != 0o755:
                                os.chmod(entry.path, 0o755)
                            _unmark(entry.path)
                            waiting.append((name + "/", entry.path))
                        else:
                            remove(entry.path)
                    elif name in self.files and self._pristine(entry.path, name):
                        kept.add(name)
                    else:
                        os.unlink(entry.path)
        return kept

    def _pristine(self, path, name):
        data, mode = self.files[name]
        try:
            descriptor = os.open(path, _READ)
        except OSError:
            return False
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) != mode or found.st_size != len(data):
                return False
            return not _marks(descriptor) and _read_all(descriptor, len(data)) == data
        finally:
            os.close(descriptor)

    def _wipe(self):
        """Remove everything, where `_sweep` failed. Returns no kept paths. Raises Unverified."""
        try:
            _empty(self.folder)
            _empty(self.scratch)
        except OSError as error:
            raise Unverified(str(error)) from error
        if os.listdir(self.folder) or os.listdir(self.scratch):
            raise Unverified("files of an earlier rollout could not be removed")
        return set()

    def empty_scratch(self):
        """Empty the temporary folder of tools, as far as that can be done."""
        with contextlib.suppress(OSError):
            os.chmod(self.scratch, 0o755)
            _empty(self.scratch)

    def _write_missing(self, kept):
        if len(kept) == len(self.files) and all(os.path.isdir(os.path.join(self.folder, f)) for f in self.folders):
            return
        for folder in sorted(self.folders):
            os.makedirs(os.path.join(self.folder, folder), 0o755, exist_ok=True)
        for name, (data, mode) in self.files.items():
            if name in kept:
                continue
            path = os.path.join(self.folder, name)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                _write_all(descriptor, data)
                os.fchmod(descriptor, mode)
            finally:
                os.close(descriptor)
            if not self._pristine(path, name):
                raise Unverified(f"{name} does not hold what was written")

    def walk(self, git=False, most=1 << 20):
        """Return [(relative path, lstat)] of everything but folders, sorted. `.git` and `__pycache__` are left out.
        A folder that is too deep stands there itself, and nothing below it. Raises TooMany."""
        found = []
        waiting = [("", self.folder, 0)]
        while waiting:
            prefix, folder, depth = waiting.pop()
            try:
                entries = os.scandir(folder)
            except PermissionError:
                os.chmod(folder, 0o755)
                entries = os.scandir(folder)
            with entries:
                for entry in entries:
                    name = prefix + entry.name
                    inner = entry.is_dir(follow_symlinks=False)
                    if inner and (entry.name == "__pycache__" or (name == ".git" and not git)):
                        continue
                    if inner and depth < MOST_DEEP and len(os.fsencode(entry.path)) < _LONGEST:
                        waiting.append((name + "/", entry.path, depth + 1))
                    else:
                        found.append((name, entry.stat(follow_symlinks=False)))
                    if len(found) + len(waiting) > most:
                        raise TooMany(f"more than {most} files and folders")
        found.sort(key=lambda pair: pair[0])
        return found

    def content(self, path):
        """Return the bytes of a regular file found by `walk`."""
        descriptor = self._opened(path)
        try:
            return _read_all(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)

    def parts(self, path):
        """Yield the bytes of a regular file found by `walk`, some at a time."""
        descriptor = self._opened(path)
        try:
            while part := os.read(descriptor, 1 << 18):
                yield part
        finally:
            os.close(descriptor)

    def _opened(self, path):
        full = os.path.join(self.folder, path)
        try:
            return os.open(full, _READ)
        except PermissionError:
            os.chmod(full, 0o644)
            return os.open(full, _READ)

    def read(self, path):
        """Return the bytes of a file. Raises Escape, or FileNotFoundError."""
        parent, name = self._parent(path, make=False)
        try:
            descriptor = _open(name, _READ, parent, path)
        finally:
            os.close(parent)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Escape(f"{path} is not a regular file")
            if status.st_size > _MOST_AT_ONCE:
                raise Escape(f"{path} has more than {_MOST_AT_ONCE >> 20} MB")
            return _read_all(descriptor, status.st_size)
        finally:
            os.close(descriptor)

    def write(self, path, data):
        """Replace or make a file, and the folders above it. Raises Escape."""
        parent, name = self._parent(path, make=True)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = _open(name, flags, parent, path)
        finally:
            os.close(parent)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Escape(f"{path} is not a regular file")
            os.ftruncate(descriptor, 0)
            _write_all(descriptor, data)
        finally:
            os.close(descriptor)

    def _parent(self, path, make):
        """Return (descriptor of the folder that holds `path`, name in it). Folders are opened one by one, so that no
        link is followed. Raises Escape, FileNotFoundError."""
        parts = path.split("/")
        if not path or path.startswith("/") or "\0" in path or any(part in ("", ".", "..") for part in parts):
            raise Escape(f"{path!r} is not a path inside the workspace")
        current = _open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, None, path)
        try:
            for part in parts[:-1]:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o755, dir_fd=current)
                following = _open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, current, path)
                os.close(current)
                current = following
        except BaseException:
            os.close(current)
            raise
        return current, parts[-1]


def _open(name, flags, folder, path):
    """Open a file or folder in `folder` and return its descriptor. One whose mode shuts its owner out is given another
    mode. Raises FileNotFoundError and Escape, with `path`."""
    try:
        try:
            return os.open(name, flags, 0o644, dir_fd=folder)
        except PermissionError:
            os.chmod(name, 0o755 if flags & os.O_DIRECTORY else 0o644, dir_fd=folder)
            return os.open(name, flags, 0o644, dir_fd=folder)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist") from None
    except (NotADirectoryError, IsADirectoryError):
        raise Escape(f"{path} leads through a link or a file, or is a folder") from None
    except OSError as error:
        if error.errno in (40, 62, 6):  # ELOOP on Linux and macOS; ENXIO for a pipe or socket
            raise Escape(f"{path} is a link or no regular file") from None
        raise


def _marks(file):
    """Return the extended attributes and access lists that a tool can set on a file or folder, a path or descriptor."""
    if not hasattr(os, "listxattr"):
        return []
    try:
        return [name for name in os.listxattr(file) if name.startswith(("user.", "system.posix_acl"))]
    except OSError:
        return []  # the file system has none


def _unmark(folder):
    for name in _marks(folder):
        os.removexattr(folder, name)


def _read_all(descriptor, size):
    data = os.read(descriptor, size + 1)
    if len(data) == size:  # a short read of a regular file means its end
        return data
    parts = [data]
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _write_all(descriptor, data):
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _empty(folder):
    with os.scandir(folder) as entries:
        for entry in list(entries):
            remove(entry.path)


def remove(path):
    """Remove a file, link or folder tree, whatever its modes and however deep it is. Nothing happens when it does not
    exist."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode):
        os.unlink(path)
        return
    import shutil  # not at the top: it loads every compression module, for which each fork of the server would pay

    try:
        shutil.rmtree(path)
    except (OSError, RecursionError):
        _remove_stubborn(path)


def _remove_stubborn(path):
    """Remove a folder tree. Every folder is first moved to the top and made accessible, so that no path gets too long
    and nothing recurses."""
    number = 0
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        os.chmod(folder, 0o700)
        with os.scandir(folder) as scanned:
            entries = list(scanned)
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            if folder == path:
                waiting.append(entry.path)
                continue
            os.chmod(entry.path, 0o700)  # moving a folder changes its own entry ".."
            while os.path.lexists(top := os.path.join(path, f".removing-{number}")):
                number += 1
            os.rename(entry.path, top)
            waiting.append(top)
        if folder != path:
            os.rmdir(folder)
    os.rmdir(path)
