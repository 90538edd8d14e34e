"""The corpus that is given to pretrain_then_finetune.py."""

import json
import sys
from pathlib import Path

import pytest

from experiments import pretrain_then_finetune
from experiments.studies import pretraining
from tests import stories, tiny_cache


def test_a_given_corpus_has_the_tokenizer_of_published_weights(
    folder, bert, llama, monkeypatch, capsys
):
    path = stories.write(folder / "stories")
    monkeypatch.setenv("PRETUNE_CACHE", str(tiny_cache.make(folder / "cache", bert, llama)))
    words = ["--corpus", path, "--only", "mlm", "minilm+mlm"]
    monkeypatch.setattr(sys, "argv", ["pretrain_then_finetune.py", *words])
    with pytest.raises(SystemExit) as stop:
        pretraining.main("pretrain_then_finetune.py", "A question.", pretrain_then_finetune.ORIGINS)
    shown = capsys.readouterr().err
    assert stop.value.code == 2 and len(shown.splitlines()) == 1
    assert "its tokenizer is bpe; the rows of minilm need a corpus made with --tok" in shown
    assert not (folder / "outputs").exists()


def test_a_note_tells_that_the_corpus_may_hold_test_sentences(folder, capsys):
    path = Path(stories.write(folder / "stories"))
    pretraining._check_given(str(path), pretrain_then_finetune.ORIGINS[:4])
    assert "--decontaminate rotten_tomatoes" in capsys.readouterr().out
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["settings"]["decontaminate"] = "imdb,rotten_tomatoes"
    (path / "manifest.json").write_text(json.dumps(manifest))
    pretraining._check_given(str(path), pretrain_then_finetune.ORIGINS[:4])
    assert not capsys.readouterr().out
