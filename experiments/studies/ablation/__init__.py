"""Ablations: a grid of flags over seeds, its statistics, and the report."""
