"""The workspace's memory: the only SQL in the package."""

from pathlib import Path

from outboard.store.database import Database, Health
from outboard.store.datasources import DatasourceTable
from outboard.store.endpoints import EndpointTable
from outboard.store.events import EventTable
from outboard.store.jobs import JobTable
from outboard.store.marks import MarkTable
from outboard.store.outcomes import OutcomeTable
from outboard.store.panels import PanelTable
from outboard.store.partials import PartialTable
from outboard.store.presets import PresetTable
from outboard.store.responses import ResponseTable


class Store:
    """Everything that outlives a process, and the only interface between processes.

    Parameters
    ----------
    path : Path
        The SQLite file, created at the first use.
    """

    def __init__(self, path: Path) -> None:
        self._database = database = Database(path)
        #: Registered tables.
        self.datasources = DatasourceTable(database)
        #: Inference runs.
        self.jobs = JobTable(database)
        #: What came back for each row.
        self.responses = ResponseTable(database)
        #: The same as a table to look through: sorted, filtered, cut.
        self.outcomes = OutcomeTable(database)
        #: What rows of a trial have of their answers so far.
        self.partials = PartialTable(database)
        #: What was created on AWS.
        self.endpoints = EndpointTable(database)
        #: What happened to each job, line by line.
        self.events = EventTable(database)
        #: Settings saved under a name.
        self.presets = PresetTable(database)
        #: What each panel showed last.
        self.panels = PanelTable(database)
        #: Whether anything of the above has changed.
        self.marks = MarkTable(database)

    def health(self) -> Health:
        """Look the whole file over. Takes as long as reading it."""
        return self._database.health()
