"""What JupyterLab's side bar asks of a kernel."""

from outboard.panel.opening import Arguments, Opening, reopening
from outboard.panel.pulse import PULSE
from outboard.panel.widget import InferencePanel


class SidePanel(InferencePanel):
    """A panel that no code asked for: it takes up what was shown last in its notebook."""

    def _open(self, arguments: Arguments) -> Opening:  # noqa: ARG002
        return reopening(self.workspace)


def side_panel() -> InferencePanel:
    """Return the panel that a cell displayed last, or else one of the side bar's own.

    The side bar displays what this returns, by evaluating it in the kernel of the notebook
    that the user is in. So a cell and the side bar show one and the same panel.
    """
    panels = [panel for panel in PULSE.panels if isinstance(panel, InferencePanel)]
    shown = max(panels, key=lambda panel: panel.shown, default=None)
    return SidePanel() if shown is None or not shown.shown else shown
