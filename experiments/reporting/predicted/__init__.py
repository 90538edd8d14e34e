"""The predictions of a run: its file, its measures, and how they are shown."""
