import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from outboard.errors import ProviderError
from outboard.providers.local_import import check_installed, import_engine, usable_cores


def engine_that_fails(folder: Path, error: str) -> str:
    """Return a folder with an engine package that cannot be imported."""
    package = folder / "xllamacpp"
    package.mkdir()
    (package / "__init__.py").write_text(f"raise {error}")
    return str(folder)


@pytest.fixture
def forgotten_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "xllamacpp"]:
        monkeypatch.delitem(sys.modules, name)


def test_openmp_is_told_not_to_wait_busily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)

    assert import_engine().Server

    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


@pytest.mark.parametrize("find", [check_installed, import_engine])
def test_missing_package_names_the_extra(
    find: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    with pytest.raises(ProviderError, match=r"pip install 'outboard\[local\]'") as caught:
        find()

    assert caught.value.provider == "local"


@pytest.mark.usefixtures("forgotten_engine")
def test_missing_openmp_library_names_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = "ImportError('libgomp.so.1: cannot open shared object file: No such file')"
    monkeypatch.syspath_prepend(engine_that_fails(tmp_path, fault))

    with pytest.raises(ProviderError, match="apt-get install libgomp1"):
        import_engine()


@pytest.mark.usefixtures("forgotten_engine")
def test_engine_that_does_not_load_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = "ImportError('undefined symbol: llama_decode')"
    monkeypatch.syspath_prepend(engine_that_fails(tmp_path, fault))

    with pytest.raises(ProviderError, match="undefined symbol: llama_decode"):
        import_engine()


def test_processor_without_avx2_is_named_before_it_kills_the_process(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: Old\nflags\t\t: fpu sse4_2 avx f16c\n\n")

    with pytest.raises(ProviderError, match=r"it lacks avx2, fma \(see"):
        import_engine(cpuinfo)


@pytest.mark.parametrize(
    "text", ["processor\t: 0\nFeatures\t: fp asimd\n", "flags\t: f16c fma avx avx2 avx512f\n"]
)
def test_other_processors_pass(tmp_path: Path, text: str) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text)

    assert import_engine(cpuinfo).Server


def test_cores_are_those_the_container_may_use(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text("150000 100000\n")

    assert usable_cores(quota) == 1


def test_cores_without_a_quota_are_those_of_the_machine(tmp_path: Path) -> None:
    no_limit = tmp_path / "cpu.max"
    no_limit.write_text("max 100000\n")

    assert usable_cores(no_limit) == usable_cores(tmp_path / "missing") >= 1
