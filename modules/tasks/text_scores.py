"""ROUGE, BLEU and chrF of texts that were written, equal to rouge_score's and sacrebleu's.

BLEU and chrF are from 0 to 100, as sacrebleu prints them, and ROUGE from 0 to 1, as rouge_score.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.text import ROUGEScore, SacreBLEUScore

from datamodules.words import split_words
from modules.tasks.token_sums import token_metrics

_CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LONGEST = 6  # n-grams of characters
Key = Literal["rouge1", "rouge2", "rougeL"]


def scores() -> dict[str, Metric | MetricCollection]:
    """Return the metrics of a stage in which texts are written, by name."""
    keys: tuple[Key, ...] = ("rouge1", "rouge2", "rougeL")
    return {"bleu": Bleu(), "chrf": ChrF(), **{key: Rouge(key) for key in keys}}


def written_metrics(
    stage: Literal["train", "val", "test"], written: Sequence[str]
) -> MetricCollection:
    """Return the metrics of tokens, and of texts in the stages in which they are written."""
    metrics = token_metrics(stage)
    if stage in written:
        metrics.add_metrics(scores())
    return metrics


def score(outputs: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Score N outputs against N references, by the names of :func:`scores`."""
    found: dict[str, float] = {}
    for name, metric in scores().items():
        assert isinstance(metric, Metric)
        metric.update(None, None, list(outputs), list(references))
        found[name] = float(metric.compute())
    return found


class Bleu(SacreBLEUScore):
    """Computes BLEU of a corpus (Papineni et al. 2002), as sacrebleu does (Post 2018).

    Texts are tokenised as mteval's v13a does, those with a reference in Chinese as sacrebleu's zh.
    Without a common n-gram of an order, its precision is smoothed as by NIST, sacrebleu's default.
    """

    def __init__(self) -> None:
        super().__init__(tokenize="13a")
        self._tokenizers = {"13a": self.tokenizer, "zh": SacreBLEUScore(tokenize="zh").tokenizer}

    def update(  # type: ignore[override]  # as StageMetrics hands it on
        self, sums: Any, labels: Any, outputs: Sequence[str], references: Sequence[str]
    ) -> None:
        """Add B texts."""
        kinds = ["zh" if _CHINESE.search(text) else "13a" for text in references]
        for kind, tokenizer in self._tokenizers.items():
            self.tokenizer = tokenizer
            chosen = [place for place, own in enumerate(kinds) if own == kind]
            if chosen:
                super().update([outputs[i] for i in chosen], [[references[i]] for i in chosen])

    def compute(self) -> Tensor:
        """Return BLEU, from 0 to 100."""
        matches, counts, smooth = self.numerator.double(), self.denominator.double(), 1.0
        if not matches.sum() or not self.preds_len:
            return torch.tensor(0.0, device=matches.device)
        precisions = []
        for match, count in zip(matches, counts, strict=True):
            if not count:  # no output has so many tokens
                return torch.tensor(0.0, device=matches.device)
            if not match:
                smooth *= 2
            precisions.append(match / count if match else 1 / (smooth * count))
        brevity = torch.exp((1 - self.target_len / self.preds_len).clamp(max=0)).to(matches)
        return (100 * brevity * torch.stack(precisions).log().mean().exp()).float()


class ChrF(Metric):
    """Computes chrF of a corpus, of characters up to sixgrams (Popović 2015), as sacrebleu does.

    torchmetrics' own counts n-grams that are longer than the reference, and sacrebleu does not.
    """

    statistics: Tensor

    def __init__(self) -> None:
        super().__init__()
        # N-grams of the outputs, of the references, and of both, by their length.
        zeros = torch.zeros(_LONGEST, 3, dtype=torch.float64)
        self.add_state("statistics", zeros, dist_reduce_fx="sum")

    def update(
        self, sums: Any, labels: Any, outputs: Sequence[str], references: Sequence[str]
    ) -> None:
        """Add B texts."""
        for pair in zip(outputs, references, strict=True):
            said, wanted = ("".join(text.split()) for text in pair)
            rows = []
            for size in range(1, _LONGEST + 1):
                ours, theirs = _grams(said, size), _grams(wanted, size)
                count = ours.total() if theirs else 0
                rows.append([count, theirs.total(), (ours & theirs).total()])
            self.statistics += torch.tensor(rows).to(self.statistics)

    def compute(self) -> Tensor:
        """Return chrF, from 0 to 100."""
        said, wanted, both = self.statistics[(self.statistics[:, :2] > 0).all(1)].T
        if not len(both) or not both.sum():
            return torch.tensor(0.0, device=self.statistics.device)
        precision, recall = (both / said).mean(), (both / wanted).mean()
        return (100 * 5 * precision * recall / (4 * precision + recall)).float()  # beta is 2


class Rouge(ROUGEScore):
    """Computes the mean F1 of common words (Lin 2004), without stemming.

    Of ASCII texts it is rouge_score's own. That takes any other letter for a space; here words of
    all scripts count, and each Chinese character is a word.

    Args:
        key: rouge1 or rouge2 for common words or pairs of words, rougeL for the longest common
            subsequence.
    """

    def __init__(self, key: Key) -> None:
        super().__init__(rouge_keys=key, normalizer=str.lower, tokenizer=_words)
        self._name = f"{key}_fmeasure"

    def update(  # type: ignore[override]
        self, sums: Any, labels: Any, outputs: Sequence[str], references: Sequence[str]
    ) -> None:
        """Add B texts."""
        super().update(list(outputs), list(references))

    def compute(self) -> Tensor:  # type: ignore[override]
        """Return the mean F1, from 0 to 1."""
        return super().compute()[self._name]


def _words(text: str) -> list[str]:
    found = (word for word, _, _ in split_words(text.replace("_", " ")))
    return [word for word in found if word.isalnum()]


def _grams(text: str, size: int) -> Counter[str]:
    return Counter(text[start : start + size] for start in range(len(text) - size + 1))
