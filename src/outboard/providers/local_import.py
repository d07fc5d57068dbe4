"""Import llama.cpp's package, with the fix for what this machine lacks."""

import os
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from outboard.errors import ProviderError

_CPU_FEATURES = ("avx2", "fma", "f16c")
_CPUINFO = Path("/proc/cpuinfo")


def check_installed(cpuinfo: Path = _CPUINFO) -> None:
    """Raise `ProviderError` if the engine is missing, or this processor cannot run it.

    Loads nothing, so that it can be asked in anybody's process; `import_engine` finds the rest.
    """
    _check_processor(cpuinfo)
    if find_spec("xllamacpp") is None:
        raise ProviderError(
            "The embedded engine is not installed (no package 'xllamacpp'). "
            "Install it with: pip install 'outboard[local]'",
            provider="local",
        )


def import_engine(cpuinfo: Path = _CPUINFO) -> ModuleType:
    """Import and return `xllamacpp`.

    Parameters
    ----------
    cpuinfo : Path
        Where Linux describes the processor; not read where it does not exist.

    Raises
    ------
    ProviderError
        If the package or a system library is missing, or this processor cannot run it.
    """
    check_installed(cpuinfo)
    # OpenMP's default is to wait busily, which takes the cores away from whoever shares them
    # and burns several CPU seconds for one of work. Read once, when libgomp is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import xllamacpp
    except ImportError as error:
        raise ProviderError(_import_hint(error), provider="local") from error
    return xllamacpp  # type: ignore[no-any-return]


def _check_processor(cpuinfo: Path) -> None:
    # The engine would kill the process with SIGILL, without a word.
    if not cpuinfo.exists():
        return
    lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
    flags = next((value.split() for name, _, value in lines if name.strip() == "flags"), None)
    if flags is None:  # not an x86 processor
        return
    if missing := [name for name in _CPU_FEATURES if name not in flags]:
        raise ProviderError(
            f"The embedded engine cannot run on this processor: it lacks {', '.join(missing)} "
            "(see /proc/cpuinfo). Use a machine with an x86-64 processor from 2015 or later, "
            "or finetuning_provider_type=FinetuningProvider.OPENAI with a server elsewhere.",
            provider="local",
        )


def _import_hint(error: ImportError) -> str:
    if "libgomp" in str(error):
        return (
            f"The embedded engine needs the system library libgomp.so.1 ({error}). Install it: "
            "apt-get install libgomp1 (Debian, Ubuntu), dnf install libgomp (Fedora, Amazon "
            "Linux), or conda install -c conda-forge libgomp."
        )
    return (
        f"The embedded engine is installed but cannot be loaded: {error}. "
        "Install it afresh: pip install --force-reinstall 'outboard[local]'"
    )


def usable_cores(cpu_max: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return how many cores this process may use: its affinity, and its container's quota.

    Parameters
    ----------
    cpu_max : Path
        The quota file of cgroup v2: ``"200000 100000"`` is two cores, ``"max 100000"`` no limit.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    if cpu_max.exists():
        quota, period = cpu_max.read_text().split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores
