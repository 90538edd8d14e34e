"""Words with a tag each: named entities, parts of speech."""

from datamodules.tagging.data import WNUT, TaggedFiles, TaggedText

__all__ = ["WNUT", "TaggedFiles", "TaggedText"]
