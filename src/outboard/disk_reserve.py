"""Space set aside on a disk, to end in good order when that is full."""

import logging
import os
import tempfile
from pathlib import Path
from typing import IO

logger = logging.getLogger(__name__)

#: Room for the answers that wait for their commit when the disk fills up (a thousand of
#: some kilobytes), and for the job's last words.
RESERVE_BYTES = 4 * 2**20


class DiskReserve:
    """A file that takes up space until `release`, or until its process ends.

    Parameters
    ----------
    folder : Path
        Where. If it has no space left there is no reserve, which is logged.
    """

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] | None = None
        try:
            # Without a name: even a killed process leaves nothing behind.
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
            # Random bytes, which no file system stores in less.
            self._file.write(os.urandom(RESERVE_BYTES))
        except OSError as fault:
            logger.warning("No space could be set aside in %s: %s", folder, fault)

    def release(self) -> None:
        """Give the space back. Safe to call twice."""
        if self._file is not None:
            self._file.close()
