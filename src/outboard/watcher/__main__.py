"""The watcher's process: ``python -m outboard.watcher WORKSPACE JOB_ID``."""

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress

from outboard.detached import take_arguments
from outboard.process_log import start_logging
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.pace import Pace
from outboard.watcher.launch import READY
from outboard.watcher.watch import Watcher
from outboard.workspace import Workspace

logger = logging.getLogger(__name__)


def main(arguments: list[str]) -> None:
    """Watch the job named on the command line until nothing of it is left."""
    for name in ("SIGINT", "SIGHUP"):  # of the terminal that everything was started from
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    start_logging()
    home, job_id = take_arguments(arguments)
    watcher = Watcher(Workspace(home), job_id, connect=Aws, pace=Pace.from_environment())
    # Everything is loaded: whatever becomes of the package on disk, this process can delete.
    with suppress(BrokenPipeError):  # the worker was killed while it waited for us
        os.write(sys.stdout.fileno(), READY)
    # Nobody listens any more; what is printed by accident goes to the log.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asyncio.run(watcher.run())
    logger.info("The watcher of job %s has nothing left to delete", job_id)


if __name__ == "__main__":
    main(sys.argv[1:])
