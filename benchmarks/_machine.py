"""How fast the machine is just now."""

import os
import platform
import time
from pathlib import Path

from outboard.store.database import file_system


def calibration_s() -> float:
    """Return the CPU seconds of a fixed piece of work: the machine's own noise."""
    began = time.process_time()
    total = 0
    for number in range(2_000_000):
        total += number * number % 7
    assert total
    return time.process_time() - began


def describe(folder: Path) -> str:
    """Return one line on the machine, with the file system of `folder`."""
    system = platform.uname()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{os.cpu_count()} x {_processor() or system.machine}, {system.system} {system.release}, "
        f"Python {platform.python_version()}, {file_system(folder)}, load {load}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
