"""Augmented copies: a copy depends on its own text only, and keeps its label."""

import pytest

from datamodules import TextFiles
from datamodules.augmentation.methods import METHODS
from tests.datamodules.augmentation.conftest import TEXT, augmented

OWN = ("synonyms", "deletion", "swap", "sentence_shuffle")  # need neither others nor a model


@pytest.mark.parametrize("name", OWN)
def test_a_copy_depends_on_its_text_its_number_and_the_seed(name):
    alone, _ = augmented([TEXT], None, [name], 3, 5)
    among, rows = augmented(["Other. Rows.", TEXT, "And more. Of them."], [0, 1, 2], [name], 3, 5)
    assert len(alone) == 3
    assert [text for text, row in zip(among, rows, strict=True) if row == 1] == alone
    assert augmented([TEXT], None, [name], 2, 5)[0] == alone[:2]
    several = {text for seed in range(8) for text in augmented([TEXT], None, [name], 1, seed)[0]}
    assert len(several) > 2


def test_labels_follow_and_rows_that_stay_as_they_were_are_left_out():
    texts = ["one", TEXT, "", "two words"]
    made, labels = augmented(texts, ["a", "b", "c", "d"], ["swap"], 2, 0)
    assert labels == ["b", "b", "d", "d"] and made[2:] == ["words two"] * 2
    assert augmented([], [], ["swap"], 2, 0) == ([], [])


def test_methods_follow_each_other():
    both = augmented([TEXT], None, ["deletion", "sentence_shuffle"], 1, 0)[0][0]
    first = augmented([TEXT], None, ["deletion"], 1, 0)[0][0]
    assert both != first and sorted(both) == sorted(first)
    assert augmented([TEXT], None, [METHODS["deletion"](0.1)], 1, 0)[0] == [first]


def test_an_unknown_method_names_those_that_exist():
    message = r"augmentation swop: there are .*; did you mean swap"
    with pytest.raises(ValueError, match=message) as e:
        augmented([TEXT], None, ["swop"], 1, 0)
    assert "\n" not in str(e.value) and all(name in str(e.value) for name in METHODS)


def test_a_data_module_s_training_texts_get_copies(reviews, bert):
    def data(**options):
        made = TextFiles(source=str(reviews), tokenizer=bert, **options)
        made.setup("fit")
        return made

    plain, more = data(), data(augment="swap,deletion", copies=2, seed=3)
    before, after = plain.dataset.splits, more.dataset.splits
    assert after["validation"] == before["validation"] and after["test"] == before["test"]
    count = len(before["train"].texts)
    assert after["train"].texts[:count] == before["train"].texts
    assert count < len(after["train"].texts) <= 3 * count
    assert "training texts were added by swap, deletion" in " ".join(more.notes())
    labels = dict(zip(before["train"].texts, before["train"].labels, strict=True))
    for text, label in zip(after["train"].texts, after["train"].labels, strict=True):
        words = set(text.split())
        assert any(words <= set(t.split()) and labels[t] == label for t in labels)
    assert len(more._rows["train"]) == len(after["train"].texts)
    assert data(augment="swap,deletion", copies=2, seed=3).dataset.fingerprint == (
        more.dataset.fingerprint
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augment": "swop"}, "--data.augment: augmentation swop: there are .*did you mean swap"),
        ({"augment": "swap", "pair_column": "pair"}, "--data.augment: texts in pairs"),
    ],
)
def test_augmentation_that_cannot_be(reviews, bert, options, message):
    with pytest.raises(ValueError, match=message):
        TextFiles(source=str(reviews), tokenizer=bert, **options).setup("fit")
