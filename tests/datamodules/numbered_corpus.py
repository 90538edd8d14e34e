"""A corpus without a tokenizer: each token is its own place in the stream."""

import json
import random

import numpy as np

from datamodules.shards import ShardWriter

VOCABULARY = 70_000  # so that a token can be its own place in the stream


def make(folder, shards=3, documents=40, fingerprint="f"):
    """A corpus whose n-th token is n; returns the ends of documents and of sentences."""
    draw, counts, ends = random.Random(1), {}, {}
    for split, factor in (("train", 1), ("validation", 0.2)):
        place, found = 0, {"documents": [], "sentences": []}
        for number in range(shards):
            with ShardWriter(folder / split / f"{number:05d}.ds", VOCABULARY) as writer:
                for _ in range(int(documents * factor) if number != 1 else 0):  # one is empty
                    sentences = [draw.randint(1, 9) for _ in range(draw.choice([1, 2, 5, 20]))]
                    stops = np.cumsum(sentences)
                    writer.add(range(place, place + int(stops[-1])), stops)
                    found["sentences"] += (stops + place).tolist()
                    place += int(stops[-1])
                    found["documents"].append(place)
        counts[split] = {key: len(value) for key, value in found.items()}
        counts[split] |= {"tokens": place, "shards": shards}
        ends[split] = found
    manifest = {
        "format": 1,
        "fingerprint": fingerprint,
        "token_bytes": 4,
        "splits": counts,
        "tokenizer": {"vocabulary": VOCABULARY, "padding": VOCABULARY - 1},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return ends
