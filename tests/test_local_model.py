from pathlib import Path

import pytest

from outboard.assets import MODEL
from outboard.config import DeploymentConfig
from outboard.errors import AssetError, NotFoundError
from outboard.providers.local_model import (
    MODEL_VARIABLE,
    check_file,
    model_or_stand_in,
    resolve_model,
)

DEFAULT = "smollm2-135m-instruct"


@pytest.fixture(autouse=True)
def no_other_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"GGUF and so on")
    return path


def test_known_name_means_the_fetched_file(tmp_path: Path) -> None:
    model = resolve_model(DEFAULT, tmp_path)

    assert model is not None
    assert (model.path, model.asset) == (tmp_path / MODEL.file_name, MODEL)


def test_variable_names_another_file_for_a_known_name(
    tmp_path: Path, gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(gguf))

    model = resolve_model(DEFAULT, tmp_path)

    assert model is not None
    assert (model.path, model.asset) == (gguf, None)


def test_path_means_that_file_whatever_the_variable_says(
    tmp_path: Path, gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, "/elsewhere/other.gguf")

    model = resolve_model(str(gguf), tmp_path)

    assert model is not None
    assert model.path == gguf


def test_home_folder_in_a_path_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    model = resolve_model("~/mine.gguf", tmp_path)

    assert model is not None
    assert model.path == tmp_path / "mine.gguf"


def test_unknown_name_is_none(tmp_path: Path) -> None:
    assert resolve_model("my-training-job", tmp_path) is None


def test_unknown_name_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=f"Did you mean '{DEFAULT}'") as caught:
        model_or_stand_in("SmolLM2-135M", DeploymentConfig(), tmp_path)

    assert (caught.value.kind, caught.value.ids) == ("model", ("SmolLM2-135M",))


def test_name_like_no_other_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=f"Known are: {DEFAULT}"):
        model_or_stand_in("zephyr", DeploymentConfig(), tmp_path)


def test_embedded_model_stands_in_for_a_training_job_and_says_so(tmp_path: Path) -> None:
    local = DeploymentConfig(instance_type="local")

    model, warning = model_or_stand_in("my-training-job", local, tmp_path)

    assert model.asset == MODEL
    assert warning is not None
    assert "'my-training-job'" in warning
    assert DEFAULT in warning


def test_known_name_needs_no_warning(tmp_path: Path) -> None:
    local = DeploymentConfig(instance_type="local")

    assert model_or_stand_in(DEFAULT, local, tmp_path)[1] is None


def test_file_yet_to_be_fetched_passes(tmp_path: Path) -> None:
    model, _ = model_or_stand_in(DEFAULT, DeploymentConfig(), tmp_path)

    check_file(model)


def test_missing_file_is_named_with_who_named_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, str(tmp_path / "gone.gguf"))
    model, _ = model_or_stand_in(DEFAULT, DeploymentConfig(), tmp_path)

    with pytest.raises(AssetError, match=f"from {MODEL_VARIABLE}.*No such file") as caught:
        check_file(model)

    assert caught.value.path == str(tmp_path / "gone.gguf")


def test_file_of_another_format_is_refused(gguf: Path, tmp_path: Path) -> None:
    gguf.write_bytes(b"PK\x03\x04 a zip")
    model, _ = model_or_stand_in(str(gguf), DeploymentConfig(), tmp_path)

    with pytest.raises(AssetError, match=r"is no GGUF model: it starts with b'PK"):
        check_file(model)


def test_fetched_file_of_another_format_is_to_be_deleted(tmp_path: Path) -> None:
    (tmp_path / MODEL.file_name).write_bytes(b"<html>Log in first</html>")
    model, _ = model_or_stand_in(DEFAULT, DeploymentConfig(), tmp_path)

    with pytest.raises(AssetError, match="Delete it and run again"):
        check_file(model)
