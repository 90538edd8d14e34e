"""Answers of which one is preferred, or that are good or bad."""

from datamodules.preferences.data import Preferences

__all__ = ["Preferences"]
