"""Entities and words: the scores are seqeval's, and every strategy reads tokens of words."""

import random

import pytest
import torch

from modules import FullFineTuning, LoRA, PromptTuning, TokenClassification, load
from modules.exporting import export
from modules.tasks.entities import EntityScores, WordAccuracy, spans
from tests import tagged, tiny

TAGS = ["O", "B-a", "I-a", "B-b", "I-b", "B-c", "I-c"]
# Of seqeval 1.2.2 on the sentences of ``drawn``: precision, recall, F1; then those of type a.
RECORDED = {
    1: (0.72093, 0.73064, 0.725753, 0.673469, 0.709677, 0.691099, 93),
    2: (0.687097, 0.698361, 0.692683, 0.704762, 0.704762, 0.704762, 105),
    3: (0.6875, 0.668919, 0.678082, 0.676768, 0.683673, 0.680203, 98),
}


def drawn(seed: int) -> tuple[list[list[str]], list[list[str]]]:
    draw = random.Random(seed)
    true = [[draw.choice(TAGS) for _ in range(draw.randint(1, 12))] for _ in range(60)]
    said = [[t if draw.random() < 0.7 else draw.choice(TAGS) for t in row] for row in true]
    return true, said


def as_tensors(true, said, gap: int = 0):
    """Logits and labels, with tokens between the words that have no label."""
    width = (1 + gap) * max(map(len, true))
    labels = torch.full((len(true), width), -100)
    logits = torch.randn(len(true), width, len(TAGS), generator=torch.Generator().manual_seed(0))
    for row, (ours, theirs) in enumerate(zip(true, said, strict=True)):
        for place, (label, guess) in enumerate(zip(ours, theirs, strict=True)):
            labels[row, place * (1 + gap)] = TAGS.index(label)
            logits[row, place * (1 + gap), TAGS.index(guess)] = 9.0
    return logits, labels


@pytest.mark.parametrize("seed", RECORDED)
@pytest.mark.parametrize("gap", [0, 2])
def test_scores_are_those_of_seqeval(seed, gap):
    logits, labels = as_tensors(*drawn(seed), gap=gap)
    scores = [EntityScores(TAGS, score) for score in ("precision", "recall", "f1")]
    for metric in scores:
        for part in range(0, 60, 20):
            metric.update(logits[part : part + 20], labels[part : part + 20])
    found = [float(metric.compute()) for metric in scores]
    of_a = scores[0].by_type()["a"]
    found += [of_a[name] for name in ("precision", "recall", "f1", "support")]
    assert found == pytest.approx(RECORDED[seed], abs=1e-6)


def test_spans_of_a_sentence():
    assert spans(["B-a", "I-a", "O", "I-b", "I-a", "B-a"]) == [
        (0, 2, "a"),
        (3, 4, "b"),
        (4, 5, "a"),
        (5, 6, "a"),
    ]
    assert spans(["O", "O"]) == [] == spans([])


def test_accuracy_is_by_word():
    true, said = drawn(1)
    logits, labels = as_tensors(true, said, gap=1)
    metric = WordAccuracy()
    metric.update(logits, labels)
    pairs = [p for t, s in zip(true, said, strict=True) for p in zip(t, s, strict=True)]
    assert float(metric.compute()) == pytest.approx(sum(t == s for t, s in pairs) / len(pairs))


def test_without_entities_there_is_accuracy_only():
    assert set(TokenClassification(["NOUN", "VERB"]).metrics("val")) == {"accuracy"}
    assert TokenClassification(["NOUN", "VERB"]).monitor == "val/accuracy"
    assert TokenClassification(["O", "B-a", "I-a"]).monitor == "val/f1"


@pytest.mark.quick_if(lambda case: case["strategy"] is LoRA)
@pytest.mark.parametrize("strategy", [FullFineTuning, LoRA, PromptTuning])
def test_it_learns_and_its_export_tags_words(strategy, backbone, tmp_path):
    data = tagged.read(tmp_path / "data", backbone)
    task = TokenClassification(data.label_names)
    module = tiny.make(strategy, backbone, task=task, learning_rate=1e-2, schedule="constant")
    batch = data._rows["validation"].__getitems__([0, 1, 2, 3])
    before = task.loss(tiny.logits(module, batch), batch)
    tiny.fit(module.train(), data, max_epochs=6)
    assert task.loss(tiny.logits(module, batch), batch) < before
    again = load(export(module, tmp_path / "export"))
    texts = ["cold Film in Town", ["warm", "Film"], "Town"]
    assert again.predict(texts) == module.eval().predict(texts)
    words = [[word for word, _ in found] for found in again.predict(texts)]
    assert words == [["cold", "Film", "in", "Town"], ["warm", "Film"], ["Town"]]
    batch = again.predict(texts, batch_tokens=1)  # a batch each: padding decides nothing
    assert batch == again.predict(texts)
    chances = again.predict_proba(texts)
    assert [len(found) for found in chances] == [4, 2, 1]
    assert chances[0].sum(1) == pytest.approx(1.0, abs=1e-5)


def test_a_later_token_of_a_word_has_no_tag(bert, tmp_path):
    data = tagged.read(tmp_path, bert)
    rows = data._rows["train"]
    labels = rows.__getitems__([0])["labels"]
    assert int((labels >= 0).sum()) == len(tagged.SENTENCES[0][0].split())
    assert (labels[0, 0], labels[0, -1]) == (-100, -100)  # [CLS] and [SEP]
