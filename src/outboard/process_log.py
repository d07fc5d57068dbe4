"""The log of a process that works for a job."""

import logging
import os


def start_logging() -> None:
    """Let everything that is logged go to stderr, which is the job's log file.

    ``OUTBOARD_LOG_LEVEL`` sets how much of outboard's own; ``INFO`` by default.
    """
    logging.basicConfig(
        level=os.environ.get("OUTBOARD_LOG_LEVEL", "INFO"),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # Below this level it logs requests as they are, with the secrets of a container in them.
    logging.getLogger("botocore").setLevel(logging.WARNING)
