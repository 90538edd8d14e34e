"""Augmentation: what each method keeps, what it changes, and that a row stands for itself."""

import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest
import tokenizers
import torch
import transformers

from datamodules import TextFiles
from datamodules.augmentation import augmented_copies, methods, synonyms, translation
from datamodules.augmentation.methods import METHODS, BackTranslation, Recombination

TEXT = (
    "The Movie was long. We began to watch the film at night!  Was the car fast?\n"
    "It cost 3.5 million dollars, or so the MOVIE says. 好看。Nobody knew"
)
OWN = ("synonyms", "deletion", "swap", "sentence_shuffle")  # need neither others nor a model
ENTRIES = {  # part of speech: lemma, count of its first sense, words of that sense
    "noun": [("movie", 9, "movie film moving_picture"), ("film", 5, "movie film pic")],
    "verb": [("film", 1, "film shoot"), ("began", 3, "began started")],
    "adj": [("long", 2, "long(a) lengthy"), ("night", 0, "night Nyx")],
    "adv": [],
}


def write_wordnet(folder: Path) -> None:
    counts = []
    for number, (part, entries) in enumerate(ENTRIES.items(), 1):
        data, index = ["  1 a licence  "], ["  1 a licence  "]
        for place, (lemma, count, words) in enumerate(entries):
            words = words.split()
            fields = " ".join(f"{word} 0" for word in words)
            data.append(f"{place:08d} 00 n {len(words):02x} {fields} 000 | said of it  ")
            index.append(f"{lemma} n 2 1 @ 2 1 {place:08d} 99999999  ")
            counts += [f"{lemma}%{number}:00:00:: 1 {count}", f"{lemma}%{number}:00:01:: 2 50"]
        # The published archive's lines end so, and its offsets do not know it.
        (folder / f"data.{part}").write_bytes("\r\n".join([*data, ""]).encode())
        (folder / f"index.{part}").write_bytes("\r\n".join([*index, ""]).encode())
    (folder / "cntlist.rev").write_text("\n".join(counts))


def augmented(texts, labels, methods, copies, seed):
    """The copies, and the labels of what they were made of."""
    made = augmented_copies(texts, labels, methods, copies, seed)
    return [text for text, _ in made], [labels[row] for _, row in made if labels is not None]


@pytest.fixture(autouse=True)
def small_wordnet(request, tmp_path, monkeypatch):
    if request.node.get_closest_marker("slow") is None:
        write_wordnet(tmp_path)
        monkeypatch.setattr(methods, "wordnet", lambda: synonyms.WordNet(tmp_path))


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


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 1.0])
def test_deletion_gives_a_shorter_subsequence(share):
    for seed in range(20):
        made = METHODS["deletion"](share)(TEXT, Random(seed)).split()
        rest = iter(TEXT.split())
        assert all(word in rest for word in made)  # a subsequence: each is found after the last
        assert 1 <= len(made) < len(TEXT.split())
    assert METHODS["deletion"](1.0)("alone", Random(0)) == "alone"


@pytest.mark.parametrize("text", [TEXT, "one two", "a b a"])
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_swap_keeps_the_words(text, share):
    for seed in range(20):
        made = METHODS["swap"](share)(text, Random(seed))
        assert made != text and Counter(made.split()) == Counter(text.split())


def test_sentences_change_places():
    sentences = ["The Movie was long.", "We began to watch the film at night!", "Was the car fast?"]
    sentences += ["It cost 3.5 million dollars, or so the MOVIE says.", "好看。", "Nobody knew"]
    for seed in range(20):
        made = METHODS["sentence_shuffle"]()(TEXT, Random(seed))
        assert made != TEXT
        assert sorted(made) == sorted(TEXT)
        assert all(sentence in made for sentence in sentences)
    assert METHODS["sentence_shuffle"]()("Only one.", Random(0)) == "Only one."


def test_recombination_joins_halves_of_one_label():
    texts = ["Good one. Good two.", "Fine three. Fine four.", "bad five words here", "worse six"]
    made, labels = augmented(texts, [1, 1, 0, 0], ["recombination"], 1, 0)
    assert made[:2] == ["Good one. Fine four.", "Fine three. Good two."]
    assert made[2:] == ["bad five six", "worse words here"]
    assert labels == [1, 1, 0, 0]
    assert augmented(texts[:2], [1, 0], ["recombination"], 1, 0) == ([], [])
    assert Recombination()("a b", Random(0), "c d") == "a d"


def test_recombination_takes_each_other_row():
    texts = [f"a{n} b{n}" for n in range(4)]
    made = augmented(texts, None, ["recombination"], 60, 0)[0]
    assert set(made) == {f"a{m} b{n}" for m in range(4) for n in range(4) if m != n}


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


@pytest.fixture
def apertium(tmp_path, monkeypatch):
    """Stands in for the program: writes what it was called with and turns the letters' case."""
    (tmp_path / "bin").mkdir()
    file = tmp_path / "bin" / "apertium"
    file.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n'
        'test "$2" = eng-xxx && echo "Error: Mode eng-xxx does not exist" && exit 1\n'
        "tr ae ea\n"
    )
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "calls"


def test_apertium_there_and_back(apertium):
    method = BackTranslation("apertium eng-spa", "apertium spa-eng")
    assert method("A tea. Late!", Random(0)) == "A tea. Late!"
    assert apertium.read_text().splitlines() == ["-u eng-spa"] * 2 + ["-u spa-eng"] * 2
    assert augmented(["A tea."], None, [method], 1, 0) == ([], [])


def test_apertium_without_the_pair_or_at_all(apertium, monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"Mode eng-xxx does not exist; is .*apertium-eng-xxx"):
        BackTranslation("apertium eng-xxx")("A tea.", Random(0))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="install the Debian package apertium-eng-spa") as error:
        BackTranslation("apertium spa-eng")("A tea.", Random(0))
    assert "\n" not in str(error.value)


def save_translator(folder: Path) -> str:
    """A T5 of one layer with random weights."""
    words = [
        "<pad>",
        "</s>",
        "<unk>",
        *["the", "movie", "was", "long", "we", "began", "to", "watch", "a", "b", "c", "d", "."],
    ]
    fast = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>")
    )
    fast.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=fast, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    config = transformers.T5Config(vocab_size=len(words), decoder_start_token_id=0, **sizes)
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    return str(folder)


def test_a_model_there_and_back(tmp_path, monkeypatch):
    folder = save_translator(tmp_path / "t5")
    calls = []
    translated = translation.translate
    monkeypatch.setattr(methods, "translate", lambda *args: calls.append(args) or translated(*args))
    method = BackTranslation(folder, folder, batch_size=2)
    made, labels = augmented(["a b. c d.", "We began."], [0, 1], [method], 1, 0)
    assert len(made) == len(labels) == 2
    assert [name for name, _, _ in calls] == [folder, folder]
    assert calls[0][1] == ["a b.", "c d.", "We began."] and calls[0][2] == 2
    assert calls[1][1] == translated(folder, calls[0][1], 2)
    assert augmented(["We began."], [1], [method], 1, 0)[0] == made[1:]


@pytest.mark.slow
def test_the_real_wordnet():
    words = synonyms.wordnet()
    assert "movie" in words.synonyms("film") and "automobile" in words.synonyms("car")
    assert "start" in words.synonyms("begin") and "rapidly" in words.synonyms("quickly")


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
