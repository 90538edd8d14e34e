"""Asking a language model well: templates, label words, demonstrations. Nothing here trains."""
