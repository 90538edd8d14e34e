"""A small corpus of made-up stories, as prepare_corpus.py would have left it."""

import json
import random
from pathlib import Path

import lightning

from datamodules import Corpus
from datamodules.pipeline.tokenizing import train
from datamodules.shards import ShardWriter, fingerprint, token_bytes
from modules.pretraining.base import PretrainingModule

_WHO = ("the cat", "a dog", "my aunt", "the old king", "a sailor", "nobody")
_DID = ("saw", "ate", "sold", "painted", "forgot", "found")
_WHAT = ("a red apple", "the moon", "two ships", "an umbrella", "the last train", "it all")


def write(
    folder: Path, stories: int = 90, kind: str = "bpe", entries: int = 320, ends: bool = True
) -> str:
    """A corpus of short stories: sentences and where they end, a tokenizer, a manifest."""
    draw = random.Random(3)
    texts = [
        [
            f"{draw.choice(_WHO)} {draw.choice(_DID)} {draw.choice(_WHAT)}."
            for _ in range(draw.choice([1, 2, 3, 4, 6]))
        ]
        for _ in range(stories)
    ]
    tokenizer = train(kind, (" ".join(text) for text in texts), entries)
    tokenizer.save_pretrained(folder / "tokenizer")
    counts = {}
    for split, part in {"train": texts[12:], "validation": texts[:12]}.items():
        count = dict.fromkeys(("documents", "tokens", "sentences", "bytes"), 0)
        with ShardWriter(folder / split / "00000.ds", len(tokenizer)) as writer:
            for text in part:
                ids, marks = [], []
                for number, sentence in enumerate(text):
                    lead = " " if number else ""
                    ids += tokenizer.encode(lead + sentence, add_special_tokens=False)
                    marks.append(len(ids))
                ids.append(tokenizer.eos_token_id)
                marks[-1] += 1
                marks = marks if ends else marks[-1:]
                writer.add(ids, marks)
                numbers = (1, len(ids), len(marks), len(" ".join(text).encode()))
                count = {k: count[k] + n for k, n in zip(count, numbers, strict=True)}
        counts[split] = count | {"shards": 1}
    manifest = {
        "format": 1,
        "fingerprint": fingerprint(folder),
        "inputs": f"{3:032x}",  # of the raw text: the seed of the draws
        "origin": "stories",
        "settings": {"source": "stories", "tokenizer": kind},
        "run": "261101-120000-abcd",
        "token_bytes": token_bytes(len(tokenizer)),
        "splits": counts,
        "tokenizer": {
            "name": kind,
            "vocabulary": len(tokenizer),
            "end_of_document": tokenizer.eos_token_id,
            "padding": tokenizer.pad_token_id,
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return str(folder)


def corpus(path: str, objective: type[PretrainingModule], **settings) -> Corpus:
    """The corpus in the rows that the objective needs."""
    data = Corpus(path, **{"row_tokens": 24, "batch_size": 8, **settings})
    data.match_objective(objective.row_kind)
    data.setup("fit")
    return data


def make(objective: type[PretrainingModule], path: str, seed: int = 0, **settings):
    """A new tiny network whose weights are a function of the seed."""
    lightning.seed_everything(seed, verbose=False)
    settings = {"size": "tiny", "row_tokens": 24, **settings}
    return objective(tokenizer=f"{path}/tokenizer", **settings)
