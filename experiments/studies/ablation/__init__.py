"""Ablations: a grid of flags over seeds, its statistics, and the report of what they show."""
