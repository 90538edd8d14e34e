"""Asking a language model well: ways of prompting, demonstrations. Nothing here trains."""
