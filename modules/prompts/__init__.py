"""Prompts as text and as tokens: templates, scores of continuations, and the cache of prefixes."""
