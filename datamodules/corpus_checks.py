"""A check of a corpus: how much of the raw text is left, and whether it can be validated."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.unknown import CHARACTERS

_LEFT = 0.2  # share of the documents below which a corpus is nearly empty
_SMALL = 50_000  # training tokens below which it is small whatever was removed
_FILES, _ROWS = 8, 50  # of which a sample of texts is read
# The flags of prepare_corpus.py that keep what a stage removes; those of rules are --rules.
_FLAGS = {
    "clean": "--unit, if the files were cut wrongly",
    "language": "other --languages, or a lower --language_probability",
    "quality": "a lower --quality",
    "safety": "a higher --toxicity",
    "decontamination": "--decontaminate none",
    "exact duplicates": "--exact_duplicates keep",
    "near duplicates": "--near_duplicates 1",
    "weights": "no --weights",
}


def warnings(manifest: dict[str, Any]) -> list[str]:
    """A line each on a corpus left nearly empty, and on one without validation text."""
    lines = []
    splits, settings = manifest["splits"], manifest.get("settings", {})
    funnel = manifest.get("funnel") or []
    read = funnel[0]["documents_in"] if funnel else 0
    kept = sum(count["documents"] for count in splits.values())
    removed = Counter(manifest.get("removed", {}))
    if read and kept < _LEFT * read and removed:
        named = ", ".join(_rule(*one) for one in removed.most_common(3))
        flags = dict.fromkeys(_flag(rule, settings) for rule, _ in removed.most_common(3))
        lines.append(
            f"nearly empty: {kept:,} of {read:,} documents are left ({kept / read:.0%}); most were "
            f"removed by {named}: prepare_corpus keeps more with {', or '.join(flags)}"
        )
    elif (tokens := splits["train"]["tokens"]) < _SMALL:
        lines.append(
            f"small: {tokens:,} tokens to train on are few for a network that begins from random "
            f"weights: add sources, or begin from a network (--model.backbone)"
        )
    if not splits["validation"]["documents"]:
        share = settings.get("validation", 0.01)
        rule = (
            f"each document goes there with a probability of {share:g}"
            if share
            else "--validation is 0"
        )
        lines.append(
            f"no validation: none of {kept:,} documents is for it ({rule}), so no checkpoint is "
            f"chosen and no loss measured: prepare_corpus with --validation "
            f"{_enough(kept, share):g}"
        )
    return lines


def _rule(key: str, count: int) -> str:
    stage, _, rule = key.partition("/")
    return f"{rule.replace('_', ' ') or stage} of {stage} ({count:,})"


def _flag(key: str, settings: dict[str, Any]) -> str:
    stage = key.partition("/")[0]
    if stage in _FLAGS:
        return _FLAGS[stage]
    groups = [group for group in settings.get("rules", "").split(",") if group not in ("", stage)]
    return f"--rules {','.join(groups) or 'none'}"


def _enough(documents: int, share: float) -> float:
    """A share for validation by which a corpus of so many documents gets some."""
    return min(0.5, max(0.05, 2 * share, round(10 / max(1, documents), 2)))


def sample(folder: Path) -> list[str]:
    """The beginnings of some documents of a corpus; none if its texts were taken away."""
    import pyarrow.parquet as pq

    files = sorted((folder / "documents").glob("*.parquet"))
    texts: list[str] = []
    for place in np.unique(np.linspace(0, max(0, len(files) - 1), _FILES).astype(int)):
        if not files:
            break
        with pq.ParquetFile(files[place]) as file:
            for batch in file.iter_batches(_ROWS, columns=["text"]):
                texts += [text[:CHARACTERS] for text in batch.column("text").to_pylist()]
                break
    return texts
