"""Pairs of a source and a target text: translations, headlines, and files of one's own."""

from datamodules.sequence_pairs.data import Headlines, Seq2SeqFiles, Translations

__all__ = ["Headlines", "Seq2SeqFiles", "Translations"]
