"""The parts of ``pretune serve``."""
