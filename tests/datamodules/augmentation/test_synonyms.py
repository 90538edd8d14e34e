"""Synonyms: of the most frequent sense, in the case of the word replaced."""

from random import Random

import pytest

from datamodules.augmentation import methods, synonyms
from datamodules.augmentation.methods import METHODS
from tests.datamodules.augmentation.conftest import TEXT


def test_synonyms_of_the_sense_that_is_used_most(tmp_path):
    words = synonyms.WordNet(tmp_path)
    assert words.synonyms("movie") == ["film"]
    assert words.synonyms("film") == ["movie", "pic"]  # the noun, by its count
    assert words.synonyms("long") == ["lengthy"]
    assert words.synonyms("night") == words.synonyms("unknown") == []


def test_synonyms_keep_case_and_everything_else():
    known = {"Movie": {"Film"}, "MOVIE": {"FILM"}, "film": {"movie", "pic"}}
    known |= {"long": {"lengthy"}, "began": {"started"}}
    for share in (0.0, 0.1, 0.3, 1.0):
        for seed in range(20):
            made = METHODS["synonyms"](share)(TEXT, Random(seed))
            old, new = methods._WORD.findall(TEXT), methods._WORD.findall(made)
            changed = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
            assert 1 <= len(changed) <= max(1, share * len(old))
            assert all(b in known[a] for a, b in changed)
            assert methods._WORD.split(TEXT) == methods._WORD.split(made)
    assert len(changed) == len(known)


def test_stop_words_stay(monkeypatch):
    monkeypatch.setattr(methods, "_stop_words", lambda: frozenset({"movie", "film"}))
    made = METHODS["synonyms"](1.0)("The movie of a long film", Random(0))
    assert made == "The movie of a lengthy film"


@pytest.mark.slow
def test_the_real_wordnet():
    words = synonyms.wordnet()
    assert "movie" in words.synonyms("film") and "automobile" in words.synonyms("car")
    assert "start" in words.synonyms("begin") and "rapidly" in words.synonyms("quickly")
