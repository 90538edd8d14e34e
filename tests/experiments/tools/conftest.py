"""What the tests of several commands start from."""

import json

import pytest

from tests.experiments.corpora import prose


@pytest.fixture
def source(tmp_path):
    """A folder of 60 English documents in one file, `good.jsonl`."""
    folder = tmp_path / "in"
    folder.mkdir()
    rows = [{"id": f"good-{i}", "text": prose(i)} for i in range(60)]
    (folder / "good.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
