"""The commands over runs and data."""
