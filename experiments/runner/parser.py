"""The parser of experiments: :class:`PlainParser` with Lightning's Trainer among the flags."""

from lightning.pytorch.cli import LightningArgumentParser

from experiments.runner.plain_parser import PlainParser


class Parser(PlainParser, LightningArgumentParser):
    """Parses an experiment's flags for `LightningCLI`."""
