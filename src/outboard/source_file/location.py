"""Find the file behind a datasource, on this machine or in a bucket."""

import difflib
import hashlib
import io
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
import pyarrow.fs

from outboard.errors import DatasourceError

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_SECRET_PARAMETER = re.compile(r"key|secret|token|password|credential|sig$", re.IGNORECASE)


class SourceFile(Protocol):
    """A file that can be read, hashed, or looked at without reading it."""

    @property
    def location(self) -> str:
        """Absolute path or URI: enough to find the file again with `at`."""
        ...

    @property
    def shown(self) -> str:
        """The location as it may appear in messages."""
        ...

    @property
    def filename(self) -> str:
        """Last part of the location."""
        ...

    def stamp(self) -> str | None:
        """Return what tells a changed file from an unchanged one, or None if it is gone.

        Equal stamps mean equal content; after a mere `touch` the stamps differ.
        """
        ...

    def fingerprint(self) -> str:
        """Return a hash: of the content where reading it is cheap, else of the metadata."""
        ...

    def open(self) -> pa.NativeFile:
        """Open the file for reading at any position."""
        ...


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine."""

    path: Path

    @property
    def location(self) -> str:
        """Absolute path."""
        return str(self.path)

    @property
    def shown(self) -> str:
        """Absolute path."""
        return str(self.path)

    @property
    def filename(self) -> str:
        """Last part of the path."""
        return self.path.name

    def stamp(self) -> str | None:
        """Return size, times of change and inode, or None if the file is gone."""
        try:
            seen = self.path.stat()
        except OSError:
            return None
        return f"{seen.st_size}-{seen.st_mtime_ns}-{seen.st_ctime_ns}-{seen.st_ino}"

    def fingerprint(self) -> str:
        """Return the SHA-256 of the content."""
        with self.path.open("rb") as content:
            return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"

    def open(self) -> pa.NativeFile:
        """Open the file."""
        # Not memory-mapped: a file cut short by another program would kill the process.
        return pa.OSFile(str(self.path), "rb")


@dataclass(frozen=True)
class RemoteFile:
    """A file that one of pyarrow's file systems reaches, e.g. an object in S3."""

    uri: str
    filesystem: pyarrow.fs.FileSystem
    #: The file as its file system names it.
    path: str

    @property
    def location(self) -> str:
        """The URI."""
        return self.uri

    @property
    def shown(self) -> str:
        """The URI without its parameters."""
        return self.uri.partition("?")[0]

    @property
    def filename(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.path).name

    def stamp(self) -> str | None:
        """Return size and time of change, or None if the file is gone.

        Raises
        ------
        DatasourceError
            If the file system refuses us or cannot be reached.
        """
        try:
            seen = self.filesystem.get_file_info(self.path)
        except OSError as fault:
            raise _unreachable(self.shown, fault) from fault
        return f"{seen.size}-{seen.mtime_ns}" if seen.is_file else None

    def fingerprint(self) -> str:
        """Return a hash of URI, size and time of change: the content is not downloaded."""
        identity = f"{self.uri}\n{self.stamp()}".encode()
        return f"metadata-sha256:{hashlib.sha256(identity).hexdigest()}"

    def open(self) -> pa.NativeFile:
        """Open the file; bytes are fetched as they are read."""
        return self.filesystem.open_input_file(self.path)


def locate(data: str | os.PathLike[str]) -> SourceFile:
    """Return the file that a user named by path or URI.

    Raises
    ------
    DatasourceError
        If there is no such file, it cannot be read, or its URI carries a secret.
    """
    text = os.fspath(data)
    file = at(text if _URI.match(text) else _absolute(text))
    match file:
        case LocalFile(path):
            _check_readable(path)
        case _ if file.stamp() is None:
            raise DatasourceError(
                f"There is no file {file.shown!r}. Check the bucket and the key.", path=file.shown
            )
    return file


def at(location: str) -> SourceFile:
    """Return the file at a `SourceFile.location`, without looking whether it is there.

    Raises
    ------
    DatasourceError
        If no file system knows such a URI, or the URI carries a secret.
    """
    if not _URI.match(location):
        return LocalFile(Path(location))
    parts = urlsplit(location)
    if parts.scheme == "file":
        return LocalFile(Path(unquote(parts.path)))
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.password or any(_SECRET_PARAMETER.search(key) for key, _ in parse_qsl(parts.query)):
        raise DatasourceError(
            f"The address of {shown!r} carries a secret, which would be stored with the "
            "datasource. Remove it and give the credentials as for any AWS or cloud tool: "
            "in the environment or a profile.",
            path=shown,
        )
    try:
        filesystem, path = pyarrow.fs.FileSystem.from_uri(location)
    except pa.ArrowInvalid as fault:
        raise DatasourceError(
            f"{shown!r} is not an address that can be read: {describe(fault)}. "
            "Use a path, or a URI such as s3://bucket/rows.parquet; write a space as %20.",
            path=shown,
        ) from fault
    except OSError as fault:
        raise _unreachable(shown, fault) from fault
    return RemoteFile(location, filesystem, path)


def _unreachable(shown: str, fault: OSError) -> DatasourceError:
    return DatasourceError(
        f"{shown!r} cannot be reached: {describe(fault)}. "
        "Check the address, the credentials, the region and the network.",
        path=shown,
    )


def _absolute(text: str) -> str:
    try:
        path = str(Path(text).expanduser().absolute())
    except RuntimeError:  # ~somebody
        path = text
    if "\0" in path:
        raise DatasourceError(f"{text!r} is no path. Remove the NUL character.", path=text)
    return path


def _check_readable(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            path.open("rb").close()
            return
    except FileNotFoundError as fault:
        raise DatasourceError(f"{_missing(path)}", path=str(path)) from fault
    except OSError as fault:
        raise DatasourceError(
            f"{str(path)!r} cannot be read: {fault.strerror}. Check its permissions.",
            path=str(path),
        ) from fault
    if stat.S_ISDIR(mode):
        raise DatasourceError(f"{str(path)!r} is a folder. Name one file in it.", path=str(path))
    raise DatasourceError(
        f"{str(path)!r} is not a regular file. Save the rows to a file first, "
        "so that they can be read again.",
        path=str(path),
    )


def _missing(path: Path) -> str:
    if not path.parent.is_dir():
        return f"There is no file {str(path)!r}: its folder does not exist. Check the path."
    siblings = [sibling.name for sibling in path.parent.iterdir()]
    near = difflib.get_close_matches(path.name, siblings, n=3)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Check the path."
    return f"There is no file {str(path)!r}. {hint}"


def buffered(source: pa.NativeFile) -> io.BufferedReader:
    """Return an open file as one that can be read line by line."""
    return io.BufferedReader(cast("io.RawIOBase", source), buffer_size=1 << 20)


def describe(fault: BaseException, *, limit: int = 200) -> str:
    """Return the first line of an error's text, without its full stop.

    It is cut: some libraries quote whole rows.
    """
    line = next(iter(str(fault).splitlines()), type(fault).__name__).rstrip(".")
    return line if len(line) <= limit else f"{line[:limit]}..."
