"""A corpus that is nearly empty, or that cannot be validated, is said with the flag that helps."""

import pytest

from datamodules.corpus_checks import warnings

RULES = "gopher_quality,c4"


def manifest(read, train, validation, removed, tokens=10**6, share=0.01):
    return {
        "splits": {
            "train": {"documents": train, "tokens": tokens},
            "validation": {"documents": validation, "tokens": validation},
        },
        "funnel": [{"documents_in": read, "stage": "clean"}],
        "removed": removed,
        "settings": {"validation": share, "rules": RULES},
    }


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        (
            {"c4/few_sentences": 90, "language/language": 3},
            ["--rules gopher_quality, or other --l"],
        ),
        ({"near duplicates/near": 90}, ["near of near duplicates (90)", "--near_duplicates 1"]),
        ({"quality/quality": 95}, ["quality of quality (95)", "a lower --quality"]),
    ],
)
def test_a_corpus_left_nearly_empty_names_rules_and_flags(removed, said):
    (line,) = warnings(manifest(100, 4, 1, removed))
    assert line.startswith("nearly empty: 5 of 100 documents are left (5%); most were removed by ")
    assert all(part in line for part in said), line


def test_a_corpus_without_validation_names_rule_and_flag():
    (line,) = warnings(manifest(79, 79, 0, {}))
    assert line.startswith(
        "no validation: none of 79 documents is for it (each document goes there"
    )
    assert line.endswith("--validation 0.13")
    (line,) = warnings(manifest(10**4, 10**4, 0, {}, share=0))
    assert "--validation is 0" in line and line.endswith("--validation 0.05")


def test_a_small_corpus_is_said_and_a_usual_one_is_not():
    (line,) = warnings(manifest(100, 90, 9, {"c4/few_sentences": 1}, tokens=900))
    assert line.startswith("small: 900 tokens")
    assert warnings(manifest(100, 30, 9, {"c4/few_sentences": 61})) == []
