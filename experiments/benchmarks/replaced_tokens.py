"""Does replaced-token detection learn more than a table of pairs of neighbours?

    python experiments/benchmarks/replaced_tokens.py --corpus data/imdb
    python experiments/benchmarks/replaced_tokens.py --corpus data/imdb --model '{"weight": 50}'

A tiny network is pre-trained. On the validation rows, which its generator corrupts, its scores are
compared with those of tables that count neighbours: a token is suspicious where it seldom follows
the one before it and seldom precedes the next. One table counts the rows that the network trained
on, the other all training rows. The areas under the ROC curve are within each token id, so that no
score profits from the frequency of a token. The area of random scores, the check, is 0.5.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from datamodules import Corpus
from modules import ReplacedTokenDetection
from modules.pretraining.detection_auc import within_token_auc
from modules.tuning import tuned_settings

BUCKETS = 2**24  # of pairs; with a vocabulary of up to 4,096 pieces each pair has its own
ALPHA = 0.05  # added to each count


class Neighbours:
    """Counts of pairs of neighbours in rows of V kinds of tokens."""

    def __init__(self, vocabulary: int) -> None:
        self.vocabulary = vocabulary
        self.pairs, self.single = torch.zeros(BUCKETS), torch.zeros(vocabulary)

    def _place(self, one: Tensor, two: Tensor) -> Tensor:
        return (one * self.vocabulary + two) % BUCKETS

    def add(self, ids_BT: Tensor, mask_BT: Tensor) -> None:
        """Counts the pairs of a batch."""
        both = mask_BT[:, 1:] & mask_BT[:, :-1]
        places = self._place(ids_BT[:, :-1], ids_BT[:, 1:])[both]
        self.pairs.index_add_(0, places, torch.ones(len(places)))
        self.single += torch.bincount(ids_BT[mask_BT], minlength=self.vocabulary)

    def surprise(self, ids_BT: Tensor) -> Tensor:
        """The negative log-likelihood of each token between its neighbours, (B, T)."""
        smooth = ALPHA * self.vocabulary
        pair = self.pairs[self._place(ids_BT[:, :-1], ids_BT[:, 1:])] + ALPHA
        after = -(pair / (self.single[ids_BT[:, :-1]] + smooth)).log()
        before = -(pair / (self.single[ids_BT[:, 1:]] + smooth)).log()
        zero = torch.zeros(len(ids_BT), 1)
        return torch.cat([zero, after], 1) + torch.cat([before, zero], 1)


def rows(module: ReplacedTokenDetection, data: Corpus) -> Iterator[tuple[Tensor, ...]]:
    """The validation rows: fake ids, scores, whether each is replaced, where a token is."""
    seen: list[dict[str, Any]] = []
    hook = module.model.register_forward_hook(
        lambda model, words, given, out: seen.append({**given, "out": out.logits}), with_kwargs=True
    )
    with torch.no_grad():
        for number, batch in enumerate(data.val_dataloader()):
            example = module.corrupt(batch, torch.Generator().manual_seed(number))
            module.losses(example)
            (one,) = seen
            fake_BT = one["input_ids"]
            scores_BT = one["out"].view(fake_BT.shape).float()
            there_BT = example["attention_mask"].bool()
            yield fake_BT, scores_BT, fake_BT != example["original"], there_BT
            seen.clear()
    hook.remove()


def compare(
    module: ReplacedTokenDetection, data: Corpus, tables: dict[str, Neighbours]
) -> dict[str, float]:
    """The areas of the network and of the tables on the same rows."""
    module.eval()
    kept: dict[str, list[Tensor]] = defaultdict(list)
    for fake_BT, scores_BT, replaced_BT, there_BT in rows(module, data):
        found = {"ids": fake_BT, "replaced": replaced_BT, "network": scores_BT}
        found |= {name: table.surprise(fake_BT) for name, table in tables.items()}
        for name, value_BT in found.items():
            kept[name].append(value_BT[there_BT])
    scores = {name: torch.cat(values) for name, values in kept.items()}
    ids, replaced = scores.pop("ids"), scores.pop("replaced")
    scores["random"] = torch.rand(len(ids))
    areas = {name: float(within_token_auc(ids, one, replaced)) for name, one in scores.items()}
    return areas | {"replaced": float(replaced.float().mean())}


def main() -> None:
    from lightning.pytorch import Trainer, seed_everything

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", required=True, help="Folder of prepare_corpus.py")
    parser.add_argument("--tokens", type=float, default=1.5e6, help="Tokens to train on")
    parser.add_argument("--model", type=json.loads, default={}, help="Arguments, as JSON")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    seed_everything(asked.seed, verbose=False)
    data = Corpus(asked.corpus, 128, 8)
    data.setup("fit")
    usual = tuned_settings(ReplacedTokenDetection, None)["model"]
    words = {"tokenizer": str(Path(asked.corpus) / "tokenizer"), "size": "tiny", "row_tokens": 128}
    module = ReplacedTokenDetection(**{**words, **usual, **asked.model})
    facts = data.facts()
    steps = round(asked.tokens / (8 * facts["tokens"]["train"] / facts["rows"]["train"]))
    tables = {name: Neighbours(len(module.tokenizer)) for name in ("same rows", "all rows")}
    for step, batch in enumerate(data.train_dataloader()):  # in the order of the training
        for name, table in tables.items():
            if name == "all rows" or step < steps:
                table.add(batch["input_ids"], batch["attention_mask"].bool())
    silent = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    off: dict[str, Any] = dict.fromkeys(silent, False)
    Trainer(
        max_steps=steps, accelerator="cpu", gradient_clip_val=1.0, limit_val_batches=0, **off
    ).fit(module, data)
    found = compare(module, data, tables)
    print(asked.model, {name: round(value, 3) for name, value in found.items()}, flush=True)


if __name__ == "__main__":
    main()
