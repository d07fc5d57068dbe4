import subprocess
import sys
from pathlib import Path

SCRIPT = "import outboard; panel = outboard.InferencePanel()"


def test_process_with_a_panel_ends_at_once(tmp_path: Path) -> None:
    environment = {"OUTBOARD_HOME": str(tmp_path), "PATH": ""}

    for _ in range(3):  # the thread of the panels may be anywhere when the process ends
        command = [sys.executable, "-c", SCRIPT]
        subprocess.run(command, check=True, env=environment, timeout=60)
