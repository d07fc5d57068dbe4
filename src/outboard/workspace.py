"""The workspace: the folder that everything is kept in."""

import os
from contextvars import ContextVar
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import platformdirs

from outboard.errors import WorkspaceError
from outboard.store import Store


class Workspace:
    """A folder in which everything is kept; as a context manager, the current one.

    Without one, `OUTBOARD_HOME` names the folder, and without that the platform's folder
    for user data is used. Folders are created at their first use, readable by their owner
    only. Objects remember the workspace they came from.

    The ``with`` holds for the code inside it, in this thread: a thread that it starts begins
    with the default workspace.

    Parameters
    ----------
    path : str or PathLike, optional
        The folder. Relative to the working directory of now, wherever that goes later.

    Examples
    --------
    >>> with Workspace("experiments"):
    ...     uid = create_datasource("tickets.parquet")
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path if path is not None else _home()).expanduser().absolute()

    @classmethod
    def current(cls) -> "Workspace":
        """Return the workspace of the innermost ``with``, or else the default one."""
        entered = _entered.get()
        return entered[-1] if entered else _at(_home())

    @cached_property
    def store(self) -> Store:
        """The database of this workspace.

        Raises
        ------
        WorkspaceError
            If the folder cannot be created.
        """
        return Store(self._folder() / "outboard.db")

    @property
    def datasources_dir(self) -> Path:
        """Tables that were given as objects in memory, as files."""
        return self._folder("datasources")

    @property
    def assets_dir(self) -> Path:
        """Downloaded model and data files."""
        return self._folder("assets")

    @property
    def logs_dir(self) -> Path:
        """One log file for each job."""
        return self._folder("logs")

    def __enter__(self) -> Self:
        # A new tuple for each entry: one workspace may be entered twice, and by many threads.
        _entered.set((*_entered.get(), self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _entered.set(_entered.get()[:-1])

    def __repr__(self) -> str:
        return f"Workspace({str(self.path)!r})"

    def _folder(self, *names: str) -> Path:
        folder = self.path.joinpath(*names)
        try:
            # One at a time: `parents=True` would ignore the mode for all but the last.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as fault:
            raise WorkspaceError(
                f"Workspace folder {str(self.path)!r} cannot be created: {fault.strerror}. "
                "Name another folder in OUTBOARD_HOME.",
                path=str(self.path),
            ) from fault
        return folder


_entered: ContextVar[tuple[Workspace, ...]] = ContextVar("outboard_workspaces", default=())


def _home() -> str:
    return os.environ.get("OUTBOARD_HOME") or platformdirs.user_data_dir("outboard", False)


@cache
def _at(path: str) -> Workspace:
    return Workspace(path)
