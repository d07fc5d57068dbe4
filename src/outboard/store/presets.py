"""Settings saved under a name, as rows of the database."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outboard.store.database import Database


@dataclass(frozen=True, kw_only=True)
class PresetRecord:
    """Settings with their name."""

    name: str
    settings: dict[str, Any]
    #: Seconds since the epoch.
    saved_at: float


class PresetTable:
    """Write and read `PresetRecord`s."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, name: str, settings: Mapping[str, Any]) -> None:
        """Keep settings under a name, in place of those it had."""
        with self._database.writing() as connection:
            connection.execute(
                """
                INSERT INTO presets (name, settings, saved_at) VALUES (?, ?, ?)
                ON CONFLICT (name) DO UPDATE
                SET settings = excluded.settings, saved_at = excluded.saved_at
                """,
                (name, json.dumps(settings), time.time()),
            )

    def get(self, name: str) -> PresetRecord | None:
        """Return the settings with this name, or None."""
        return next((each for each in self._read("WHERE name = ?", name)), None)

    def all(self) -> list[PresetRecord]:
        """Return every record by name."""
        return self._read("ORDER BY name COLLATE NOCASE, name")

    def delete(self, name: str) -> bool:
        """Forget settings; False if there are none with this name."""
        with self._database.writing() as connection:
            cursor = connection.execute("DELETE FROM presets WHERE name = ?", (name,))
        return cursor.rowcount == 1

    def _read(self, which: str, *values: object) -> list[PresetRecord]:
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT name, settings, saved_at FROM presets {which}", values
            ).fetchall()
        return [
            PresetRecord(**dict(row) | {"settings": json.loads(row["settings"])}) for row in rows
        ]
