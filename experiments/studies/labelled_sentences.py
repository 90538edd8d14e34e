"""Labelled review sentences, of which most test: they measure a difference more finely."""

import csv
import io
from pathlib import Path

from experiments.common import files

TRAINING = 3000  # sentences that runs draw their labelled rows from; the others test


def folder(root: Path) -> Path:
    """The folder of the sentences of a study."""
    return root / "sentences"


def write(root: Path) -> Path:
    """Writes train.csv, validation.csv and test.csv of the bundled Rotten Tomatoes sentences.

    Runs with few labels draw them from ``TRAINING`` sentences. The other training sentences test,
    beside the test sentences themselves: no run sees them, and they are the same for all seeds.

    Args:
        root: The folder of the study.

    Returns:
        The file of the test sentences, which must not be in a corpus.
    """
    from datamodules.classification import bundled_reviews
    from datamodules.text_splits import subsample

    whole = bundled_reviews("rotten_tomatoes")
    drawn = subsample(whole, TRAINING, 0).splits["train"]
    kept, train = set(drawn.texts), whole.splits["train"]
    others = train.take([i for i, text in enumerate(train.texts) if text not in kept])
    parts = {
        "train": [drawn],
        "validation": [whole.splits["validation"]],
        "test": [whole.splits["test"], others],
    }
    folder(root).mkdir(parents=True, exist_ok=True)
    for name, splits in parts.items():
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("text", "label"))
        for split in splits:
            labels = [whole.label_names[int(label)] for label in split.labels]  # type: ignore[union-attr, call-overload]
            writer.writerows(zip(split.texts, labels, strict=True))
        file = folder(root) / f"{name}.csv"
        if not file.is_file() or file.read_text(encoding="utf-8") != text.getvalue():
            files.write_text(file, text.getvalue())
    return folder(root) / "test.csv"
