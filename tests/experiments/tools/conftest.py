"""What the tests of several commands start from."""

import json
from pathlib import Path

import pytest

from tests import stories
from tests.experiments.corpora import prose
from tests.experiments.tools.chaining import pretrained, tuned


@pytest.fixture
def source(tmp_path):
    """A folder of 60 English documents in one file, `good.jsonl`."""
    folder = tmp_path / "in"
    folder.mkdir()
    rows = [{"id": f"good-{i}", "text": prose(i)} for i in range(60)]
    (folder / "good.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def chain(folder, monkeypatch):
    """A corpus, a network pre-trained on it, and that fine-tuned: (corpus, run, run)."""
    path = stories.write(folder / "stories")
    made = pretrained(monkeypatch, path)
    return Path(path), made, tuned(monkeypatch, made / "export")


_KEPT: list[tuple[Path, tuple[Path, Path, Path]]] = []


@pytest.fixture
def kept_chain(request, folder, monkeypatch):
    """The chain, made once, and its folder as the working directory: for tests that only look."""
    if not _KEPT:
        _KEPT.append((folder, request.getfixturevalue("chain")))
    made_in, chain = _KEPT[0]
    monkeypatch.chdir(made_in)
    return chain
