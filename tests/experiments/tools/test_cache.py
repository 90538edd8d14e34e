"""The command that lists the cache and empties it."""

import sys

import pytest
import torch

from datamodules import token_cache
from experiments.tools import cache


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path))
    monkeypatch.setattr(token_cache, "_held", {})

    def call(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["pretune cache", *words])
        cache.main()
        return capsys.readouterr().out

    return call


def test_it_lists_and_empties(run, tmp_path):
    assert "total" in run() and "removed 0 token files" in run("--clear")
    (tmp_path / "minilm").mkdir()
    (tmp_path / "minilm" / "weights").write_bytes(b"0" * 3_000_000)
    token_cache.cached_tensors("a", lambda: {"ids": torch.zeros(1000)})
    said = run()
    assert "3.0 MB" in said and "4.1 kB" in said and "limit of tokens/: 20.00 GB" in said
    assert "removed 0 token files, 0 B; 1 in use" in run("--clear")
    token_cache._held.popitem()[1].close()
    assert "removed 1 token files, 4.1 kB" in run("--clear")
    assert (tmp_path / "minilm" / "weights").exists() and not token_cache.list_files()
