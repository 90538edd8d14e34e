from collections import Counter

import numpy as np
import pytest

from datamodules.pipeline.clusters import jaccard
from datamodules.pipeline.normalization import ngram_hashes, normalized_words
from datamodules.pipeline.stage_files import read_rows
from experiments.benchmarks.deduplication_recall import cases, removed, score


def shingles(text):
    return np.unique(ngram_hashes(normalized_words(text), 5))


def test_jaccard_against_sets_of_words():
    one, two = "a b c d e f g h", "x b c d e f g y"
    sets = [{tuple(t.split()[i : i + 5]) for i in range(4)} for t in (one, two)]
    expected = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    assert jaccard(shingles(one), shingles(two)) == expected == 1 / 3
    assert jaccard(shingles("a b"), shingles("a b")) == 0  # too short to compare


@pytest.mark.slow
def test_five_hundred_planted(tmp_path):
    rows, planted = cases(1, 520)
    taken = removed(rows, planted, tmp_path)
    precision, recall = score(taken, planted)
    assert precision > 0.99 and recall > 0.97
    assert taken["exact"] == Counter(planted.values())["exact"]
    audit = list(read_rows(tmp_path / "out" / "removed.parquet"))
    stayed = {
        row["id"]
        for path in sorted((tmp_path / "out" / "documents").glob("*.parquet"))
        for row in read_rows(path, ["id"])
    }
    texts = {row["id"]: row["text"] for row in rows}
    assert len(audit) + len(stayed) == len(rows)
    for row in audit:
        assert row["kept_id"] in stayed and row["id"] not in stayed
        value = jaccard(shingles(texts[row["id"]]), shingles(texts[row["kept_id"]]))
        assert row["value"] == pytest.approx(value, abs=0.02) and row["value"] >= row["threshold"]
