"""What a pipeline prints of its stages into a pipe or a file: lines, and few of them."""

import time

import pytest

from datamodules.pipeline import progress


@pytest.mark.parametrize("seconds", [0.5, 60.0])
def test_a_pipe_gets_lines_and_no_redrawn_bar(seconds, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", seconds)
    for name in ("completions/1", "progress/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1200")
    with progress.shown("1/9 screen", 2, tmp_path, tmp_path / "progress"):
        time.sleep(1.2)
    said = capsys.readouterr().err
    assert "\r" not in said
    lines = said.splitlines()
    assert set(lines) == {"1/9 screen: 1 of 2 tasks, 1,200 documents"}
    assert len(lines) == (3 if seconds == 0.5 else 1)
