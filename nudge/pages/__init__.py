"""Pages that stand alone: one HTML file, no script, nothing loaded, light and dark, any width."""

from nudge.pages.page import render

__all__ = ["render"]
