"""What tests of several modules share."""

from pathlib import Path

import pytest

from outboard.assets import fetch_model

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def assets_dir() -> Path:
    """Folder that holds the embedded model, fetched once for all runs."""
    folder = REPOSITORY / ".cache" / "assets"
    fetch_model(folder)
    return folder
