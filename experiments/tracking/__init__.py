"""Weights & Biases with or without an account: logger, reading runs back."""
