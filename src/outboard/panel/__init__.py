"""The panel: choose rows, write a prompt, try, run, judge in one widget."""

from outboard.panel.widget import InferencePanel

__all__ = ["InferencePanel"]
