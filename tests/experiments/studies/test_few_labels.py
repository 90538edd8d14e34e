"""The study of few labels: its runs, its table with intervals, and its picture."""

import sys

import pytest

from experiments.studies import few_labels
from experiments.studies.few_labels import Method
from experiments.studies.jobs import Job

ROWS = few_labels.rows(
    [
        Method("vectors", "full_sst2", ("--model.task=Embedding",)),
        Method("asked, at once", "zero_shot_sst2", seeds=1, labels=False),
    ],
    (8, 16),
)


def result(value: float) -> dict:
    costs = {"checkpoint_bytes": 1, "peak_memory_bytes": 1, "tokens_per_second": 1, "seconds": 1}
    data = {"origin": "reviews", "rows": {"test": 853}, "test_split": "test"}
    return {
        "metrics": {"test/accuracy": value},
        "parameters": {"trainable": 1},
        "git_commit": "abcdefg",
        "run": "run",
        "data": data,
        **costs,
    }


def test_a_row_for_each_method_and_number_of_labels():
    assert [row.name for row in ROWS] == ["vectors, 8", "vectors, 16", "asked, at once"]
    assert ROWS[1].flags == ("--model.task=Embedding", "--data.rows_per_class=16")
    assert (ROWS[2].flags, ROWS[2].seeds) == ((), 1)


def test_the_table_has_means_with_intervals(tmp_path):
    finished = {
        Job(row, seed, row.flags, tmp_path): result(value + 0.02 * seed)
        for row, value in zip(ROWS[:2], (0.6, 0.7), strict=True)
        for seed in range(3)
    }
    finished[Job(ROWS[2], 0, (), tmp_path)] = result(0.8)
    assert few_labels._report(tmp_path, finished) == ["table.md", "runs.csv", "plot.png"]
    table = (tmp_path / "table.md").read_text()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    # t of 2 degrees of freedom is 4.3027, and 0.02 / sqrt(3) the standard error; fitted into the
    # range of an accuracy, which moves both ends a little towards 0.5.
    assert ["vectors", "0.6200 (0.5693 to 0.6682)", "0.7200 (0.6679 to 0.7668)"] in cells
    assert "intervals hold the errors of seeds" in table
    assert ["asked, at once", "0.8000", "0.8000"] in cells
    assert "95 % interval" in table
    assert len((tmp_path / "runs.csv").read_text().splitlines()) == 8
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"
    few_labels._draw(finished, tmp_path / "again.png")  # for --plot
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "plot.png").read_bytes()


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--data.rows_per_class=5", "-- --data.rows_per_class: the study gives each run its own"),
        ("--hold_out_test=true", "-- --hold_out_test: the study compares by test/accuracy"),
    ],
)
def test_a_flag_that_would_undo_the_study_is_refused(flag, said, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["few_labels.py", "--", flag])
    with pytest.raises(SystemExit) as stop:
        few_labels.main("few_labels.py", "A question.", ROWS)
    assert stop.value.code == 2 and said in capsys.readouterr().err
    assert not (folder / "outputs").exists()
