"""Words with a tag each: named entities, parts of speech."""

from datamodules.tagging.data import WNUT, TaggedFiles, TaggedText
from datamodules.tagging.peoples_daily import PeoplesDaily

__all__ = ["WNUT", "PeoplesDaily", "TaggedFiles", "TaggedText"]
