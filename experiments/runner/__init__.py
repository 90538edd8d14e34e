"""Runs one experiment, from the command line to result.json."""
