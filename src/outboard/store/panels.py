"""What each panel showed last, as rows of the database."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outboard.store.database import Database


@dataclass(frozen=True, kw_only=True)
class PanelRecord:
    """What a panel showed last."""

    #: The call as it was edited.
    draft: dict[str, Any]
    #: The job that it followed, if any.
    job_id: str | None


class PanelTable:
    """Write and read `PanelRecord`s by the place that a panel has."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, place: str, draft: Mapping[str, Any], job_id: str | None) -> None:
        """Note what the panel at a place shows."""
        with self._database.writing() as connection:
            connection.execute(
                """
                INSERT INTO panels (place, draft, job_id, saved_at) VALUES (?, ?, ?, ?)
                ON CONFLICT (place) DO UPDATE
                SET draft = excluded.draft, job_id = excluded.job_id, saved_at = excluded.saved_at
                """,
                (place, json.dumps(draft), job_id, time.time()),
            )

    def get(self, place: str) -> PanelRecord | None:
        """Return what the panel at a place showed last, or None."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT draft, job_id FROM panels WHERE place = ?", (place,)
            ).fetchone()
        return PanelRecord(draft=json.loads(row["draft"]), job_id=row["job_id"]) if row else None

    def newest_place(self, beginning: str) -> str | None:
        """Return the place that was saved last, of those whose names begin like this, or None."""
        with self._database.reading() as connection:
            row = connection.execute(
                """
                SELECT place FROM panels WHERE substr(place, 1, ?) = ?
                ORDER BY saved_at DESC LIMIT 1
                """,
                (len(beginning), beginning),
            ).fetchone()
        return str(row["place"]) if row else None
