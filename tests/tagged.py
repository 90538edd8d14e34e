"""Sentences with named entities in words that the tiny tokenizers know."""

from pathlib import Path

from datamodules import TaggedFiles

SENTENCES = [
    ("good Film in warm Town", "O B-film O O B-place"),
    ("cold Film tale", "O B-film I-film"),
    ("a bad tale in Town", "O O O O B-place"),
    ("Town Film", "B-place B-film"),
]


def write(folder: Path) -> Path:
    """Write train.conll and dev.conll of 24 sentences each."""
    folder.mkdir(exist_ok=True)
    for split in ("train", "dev"):
        blocks = [
            "\n".join(f"{w}\t{t}" for w, t in zip(words.split(), tags.split(), strict=True))
            for words, tags in SENTENCES * 6
        ]
        (folder / f"{split}.conll").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return folder


def read(folder: Path, backbone: str) -> TaggedFiles:
    data = TaggedFiles(str(write(folder)), tokenizer=backbone, batch_size=8)
    data.setup("fit")
    return data
