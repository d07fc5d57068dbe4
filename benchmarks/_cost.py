"""What a child process costs: its time, CPU, memory."""

import resource
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one process took, from its start to its end."""

    #: Seconds on the clock.
    wall_s: float
    #: CPU seconds, user and system, of all its threads and children.
    cpu_s: float
    #: The most memory that it held at a time, in bytes.
    peak_bytes: int


class Meter:
    """Watches one child process of this one, started after the meter was made.

    CPU time comes from the kernel's account of ended children, so no other child may end
    meanwhile.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._cpu_before_s = _cpu_of_children_s()

    def watch(self, pid: int) -> Cost:
        """Wait until the process is gone and waited for by whoever started it."""
        peak_bytes = 0
        while psutil.pid_exists(pid):
            peak_bytes = max(peak_bytes, _peak_bytes(pid))
            time.sleep(_POLL_S)
        return Cost(
            wall_s=time.monotonic() - self._began,
            cpu_s=_cpu_of_children_s() - self._cpu_before_s,
            peak_bytes=peak_bytes,
        )


def _cpu_of_children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _peak_bytes(pid: int) -> int:
    # Not ru_maxrss: across fork and exec it remembers the memory of the parent.
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:  # gone, or no Linux
        return _held_bytes(pid)
    marked = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(marked[0].split()[1]) * 1024 if marked else 0


def _held_bytes(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
