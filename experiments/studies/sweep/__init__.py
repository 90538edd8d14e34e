"""Sweeps from W&B's sweep files without an account: reads, searches, reports."""
