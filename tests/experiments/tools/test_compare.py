"""compare.py: runs filtered and tabled, from disk or from a server."""

import csv
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from experiments.reporting import figures, run_table
from experiments.tools import compare
from experiments.tracking import filters, online_runs, wandb_log
from experiments.tracking.keys import STEP
from experiments.tracking.run_reader import RunRecord
from tests.experiments import running, synthetic


def made(name, group, state, config, metrics, tags=()):
    return RunRecord(name, "", group, "", list(tags), state, config=config, metrics=metrics)


RUNS = [
    made("a", "g", "finished", {"model": "LoRA", "model.rank": 4},
         {"test/accuracy": 0.8, "val/loss": 0.4}, ["x", "y"]),
    made("b", "g", "failed", {"model": "LoRA", "model.rank": 8}, {"val/loss": 0.3}, ["x"]),
    made("c", "h", "finished", {"model": "Adapter", "flag": True, "none": None},
         {"test/accuracy": 0.9, "val/loss": 0.5}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("", "abc"),
        ("model=LoRA", "ab"),
        ("model=lora", "ab"),
        ("model=Adapter,nothing", "c"),
        ("model!=LoRA", "c"),
        ("model.rank>4", "b"),
        ("model.rank>=4 group=g", "ab"),
        ("model.rank=4.0", "a"),
        ("tags=x", "ab"),
        ("tags!=y", "bc"),
        ("state=finished test/accuracy>0.85", "c"),
        ("test/accuracy<=0.8", "a"),
        ("flag=true", "c"),
        ("flag=", "ab"),
        ("val/loss<.45 id!=a", "b"),
    ],
)
def test_filters(words, left):
    found = filters.select(RUNS, filters.parse(words.split()))
    assert "".join(run.id for run in found) == left


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("modle=LoRA", "modle: no run has that; did you mean model?"),
        ("model.rnk>4", "model.rnk: no run has that; did you mean model.rank?"),
        ("model", "model: not a filter; give KEY=VALUE, or 'KEY>NUMBER' in quotes"),
        ("model.rank>four", "model.rank>four: four is not a number to compare with"),
        ("model=Full", "model=Full: fits none of 3 runs; there are Adapter, LoRA"),
        ("model=LoRA state=running", "state=running: fits none of 2 runs; there are failed, fin"),
    ],
)
def test_bad_filters_say_what_there_is(words, line):
    with pytest.raises(ValueError, match=f"^{re.escape(line)}"):
        filters.select(RUNS, filters.parse(words.split()))


def rows_of(text):
    """The cells of each line of the table on the screen, without the star."""
    lines = [line.replace("*  ", "   ") for line in text.partition("\n*")[0].splitlines()]
    return [re.split(r"  +", line.strip()) for line in lines]


def test_table_has_what_differs_sorted_with_the_best_of_each_group():
    assert run_table.usual_metrics(RUNS) == ["test/accuracy"]
    shown = run_table.table(RUNS, ["test/accuracy"], "group")
    head, *rows = shown.cells
    # of the runs that have the metric
    assert head == ["", "run", "group", "model", "state", "test/accuracy"]
    assert [row[:3] for row in rows] == [["", "c", "h"], ["", "a", "g"], ["", "b", "g"]]
    assert [row[-1] for row in rows] == ["0.9000", "0.8000", ""]  # alone in its group: no star
    shown = run_table.table(RUNS, ["val/loss"], "")
    assert shown.cells[0][2:4] == ["model", "model.rank"]
    assert [row[:2] for row in shown.cells[1:]] == [["*", "b"], ["", "a"], ["", "c"]]
    assert "* the best val/loss" in shown.on_screen()


def test_values_that_mean_something_else_have_no_star():
    told = {"dataset.rows.test": 800, "dataset.test_split": "test"}
    runs = [replace(run, config=run.config | told) for run in RUNS]
    runs[2].config["dataset.rows.test"] = 17
    shown = run_table.table(runs, ["test/accuracy"], "")
    assert not any(row[0] for row in shown.cells[1:])
    assert "no star where the values do not compare: test/accuracy is on diff" in shown.notes[0]
    runs[2].config["dataset.rows.test"] = 800
    assert run_table.table(runs, ["test/accuracy"], "").cells[1][0] == "*"


def test_sparklines_share_their_scale():
    steps = np.arange(40)
    line = figures.spark(steps, steps / 39, 0.0, 1.0, 39.0)
    assert line == "".join(block * 5 for block in "▁▂▃▄▅▆▇█")
    half = figures.spark(steps[:20], np.full(20, 0.0), 0.0, 1.0, 39.0)
    assert half.rstrip() == "▁" * len(half.rstrip()) and 20 <= len(half.rstrip()) <= 21
    assert figures.spark(steps[:1], np.array([np.nan]), 0.0, 1.0, 39.0).strip() == ""


def called(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["compare.py", *map(str, words)])
    capsys.readouterr()
    code = 0
    try:
        compare.main()
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command(folder, monkeypatch, capsys):
    for number in range(6):
        synthetic.write(folder / "outputs", number)
    code, out, err = called(
        monkeypatch, capsys, "model=LoRA", "model.rank>2", "--by", "model.rank",
        "--curves", "val/loss", "--csv", "all.csv",
    )  # fmt: skip
    assert code == 0, err
    rows = rows_of(out)
    assert rows[0] == ["run", "model.rank", "seed", "test/accuracy", "val/accuracy", "s"]
    assert [row[1] for row in rows[1:3]] == ["8", "4"]
    assert "done   2 of 6 runs in outputs (outputs/curves-val-loss.png, all.csv)" in out
    assert (folder / "outputs" / "curves-val-loss.png").read_bytes()[:4] == b"\x89PNG"
    assert max(map(len, out.splitlines())) <= 80
    sparks = [line for line in out.splitlines() if "▁" in line or "█" in line]
    assert len(sparks) == 2 and "rank 8" in sparks[0]
    with open("all.csv") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 2 and {row["model"] for row in table} == {"LoRA"}
    assert float(table[0]["test/accuracy"]) > 0.5 and table[0]["seed_everything"]
    code, out, _ = called(monkeypatch, capsys, "--curves", "val/loss", "--plot", "a.svg")
    assert code == 0 and "val/loss" in (folder / "a.svg").read_text()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--output nowhere", "--output nowhere: there is no such folder"),
        ("--output empty", "no W&B run in empty"),
        ("modle=LoRA", "modle: no run has that; did you mean model?"),
        ("--metric test/acuracy", "--metric test/acuracy: no run has that; did you mean test/acc"),
        ("--plot a.png", "--plot a.png: draws curves; give their metric as --curves"),
        ("--by modle", "--by modle: no run has that; did you mean model?"),
        ("--curves val/los", "--curves val/los: no run has that; did you mean val/loss?"),
        (
            "--curves val/loss --plot a.gif",
            "--plot a.gif: give a file that ends in .png, .svg or .pdf",
        ),
        ("--bye model", "unrecognized arguments: --bye"),
    ],
)
def test_a_mistake_is_one_line(words, line, folder, monkeypatch, capsys):
    synthetic.write(folder / "outputs", 1)
    (folder / "empty").mkdir()
    code, _, err = called(monkeypatch, capsys, *words.split())
    assert code == 2 and err.startswith(f"compare.py: error: {line}") and err.count("\n") == 1, err


def test_two_hundred_runs_are_read_once(tmp_path, monkeypatch, capsys):
    """Each log once, however often the runs are shown: that is where the seconds would go."""
    for number in range(200):
        synthetic.write(tmp_path / "outputs", number, steps=10)
    monkeypatch.chdir(tmp_path)
    read, real = [], wandb_log.read
    monkeypatch.setattr(wandb_log, "read", lambda file: read.append(file) or real(file))
    for words in ((), (), ("model=LoRA", "test/accuracy>0.1")):
        code, out, err = called(monkeypatch, capsys, *words)
        assert code == 0 and "of 200 runs" in out, err
    assert len(read) == len(set(read)) == 200


class Server:
    """What wandb.Api gives of a project, in the shape that the reader asks for."""

    id, name, group, job_type, tags, state = "a", "first", "g", None, ["x"], "finished"
    created_at, url = "2026-11-01T10:00:00Z", "https://example.org/a"
    config = {"model": {"class": "LoRA", "rank": 4}}
    summary_metrics = {"val/loss": {"min": 0.2}, "state": "interrupted", "_runtime": 3}

    def scan_history(self):
        return [{STEP: 0, "val/loss": 0.4, "_step": 0}, {STEP: 9, "val/loss": 0.2, "_step": 1}]


def test_runs_of_a_server_come_through_the_same_interface(monkeypatch, capsys):
    import wandb

    class Api:
        def __init__(self):
            assert "WANDB_SERVICE" not in os.environ  # of a service that has ended

        def runs(self, project, **_):
            if project != "me/mine":
                raise ValueError(f"Could not find project {project}")
            return [Server()]

    monkeypatch.setattr(wandb, "Api", Api)
    monkeypatch.setenv("WANDB_SERVICE", f"3-{os.getpid()}-unix-nowhere")
    (run,) = online_runs.online("me/mine")
    assert run.config == {"model": "LoRA", "model.rank": 4} and run.metrics == {"val/loss": 0.2}
    assert run.state == "interrupted" and run.curve("val/loss")[1].tolist() == [0.4, 0.2]
    code, out, _ = called(monkeypatch, capsys, "--project", "me/mine")
    assert code == 0 and "done   1 of 1 runs in me/mine" in out
    code, _, err = called(monkeypatch, capsys, "--project", "me/other")
    assert code == 2 and "--project me/other: Could not find project" in err


def test_nothing_heavy_is_imported(tmp_path, session_cache):
    synthetic.write(tmp_path / "outputs", 1)
    code = (
        "import sys; from experiments.tools import compare; sys.argv = ['compare.py']; "
        "compare.main(); print(sorted({'torch', 'lightning', 'wandb', "
        "'matplotlib'} & set(sys.modules)))"
    )
    for expected in ("['wandb']", "[]"):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
            env=running.environment(session_cache) | {"PYTHONPATH": str(running.ROOT)},
        )  # fmt: skip
        assert done.stdout.splitlines()[-1] == expected, (done.stdout, done.stderr)
