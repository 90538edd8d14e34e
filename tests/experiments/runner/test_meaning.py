"""The conditions on which the metrics of a run depend."""

from types import SimpleNamespace

import pytest

import modules
from experiments.reporting.comparable import mismatch
from experiments.runner.meaning import meaning
from modules.pretraining.base import PretrainingModule


class Tokens:
    def __init__(self, *words):
        self.words = words

    def get_vocab(self):
        return {word: at for at, word in enumerate(self.words)}


class Bare(PretrainingModule, abstract=True):
    """An objective that only holds settings."""

    def __init__(self, **settings):
        self.__dict__["settings"] = settings

    @property
    def hparams(self):
        return self.__dict__["settings"]


class First(Bare, abstract=True):
    def __init__(self, probability=0.1, **kwargs):
        super().__init__(probability=probability, **kwargs)


class Second(Bare, abstract=True):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)


def run(model, metric="val/loss", rows=10, manifest=None):
    data = SimpleNamespace(tokenizer=Tokens(*"ab"), manifest=manifest)
    facts = {"rows": {"validation": rows}, "split_fingerprints": {"validation": "v"}}
    return {"meaning": meaning(model, data), "data": facts, "metrics": {metric: 1.0}}


def test_losses_of_objectives_and_of_their_settings_do_not_compare():
    one, same, other = First(probability=0.15), First(probability=0.15, size="mini"), Second()
    assert mismatch([run(one), run(same)], "val/loss") == ""
    assert mismatch([run(one), run(First(probability=0.4))], "val/loss") == (
        "val/loss is of different objectives (First with probability 0.15 and "
        "First with probability 0.4)"
    )
    for metric in ("val/loss", "val/mlm_loss", "val/accuracy", "val/perplexity"):
        assert mismatch([run(one), run(other)], metric)


def manifest(inputs="text"):
    return {"inputs": inputs, "splits": {"validation": {"documents": 3, "bytes": 99}}}


def test_bits_per_byte_compare_over_vocabularies_of_the_same_text():
    one, other = Second(), Second()
    one.__dict__["tokenizer"], other.__dict__["tokenizer"] = Tokens(*"ab"), Tokens(*"abc")
    runs = [run(one, manifest=manifest()), run(other, rows=7, manifest=manifest())]
    assert mismatch(runs, "val/bits_per_byte") == ""
    assert "different vocabularies and on different numbers of rows (10 and 7)" in mismatch(
        runs, "val/perplexity"
    )
    runs[1] = run(other, manifest=manifest("another"))
    assert mismatch(runs, "val/bits_per_byte") == "val/bits_per_byte is on different texts"


@pytest.mark.parametrize("metric", ["val/accuracy", "val/f1"])
def test_strategies_and_prompts_compare_by_accuracy_and_not_by_every_loss(metric):
    tasks = [
        modules.Classification(labels=["a", "b"], label_smoothing=0.1),
        modules.PromptedClassification("{{ text }} {{ mask }}", {"a": "bad", "b": "good"}),
    ]
    runs = [run(SimpleNamespace(task=task)) for task in tasks]
    assert mismatch(runs, metric) == ""
    assert "of different objectives" in mismatch(runs, "val/loss")
    tags = run(SimpleNamespace(task=modules.TokenClassification(labels=["O", "B-x"])))
    assert "of different tasks (class and tags)" in mismatch([runs[0], tags], metric)
