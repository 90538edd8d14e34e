"""Back-translation by Apertium and by a translation model."""

import os
from pathlib import Path
from random import Random

import pytest
import tokenizers
import torch
import transformers

from datamodules.augmentation import methods, translation
from datamodules.augmentation.methods import BackTranslation
from tests.datamodules.augmentation.conftest import augmented


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


@pytest.mark.slow
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
