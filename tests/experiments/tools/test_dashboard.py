"""Local runs in a browser: what is put into the view, and the page in a real one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.reporting import run_table
from experiments.tools import dashboard
from experiments.tracking.run_reader import RunRecord
from tests.experiments import forking, running, synthetic

SCRIPT = running.ROOT / "experiments" / "tools" / "dashboard.py"


def test_runs_are_named_by_what_differs():
    runs = [
        RunRecord("a", config={"model": "LoRA", "model.rank": 4, "seed_everything": 0}),
        RunRecord("b", config={"model": "Adapter", "seed_everything": 0}),
        RunRecord("c", config={"model": "LoRA", "model.rank": 8, "seed_everything": 1}),
    ]
    keys = run_table.differing(runs)[:3]
    names = [dashboard.title(run, keys) for run in runs]
    assert names == [
        "model LoRA, seed_everything 0, rank 4 (a)",
        "model Adapter, seed_everything 0 (b)",
        "model LoRA, seed_everything 1, rank 8 (c)",
    ]
    assert dashboard.title(RunRecord("d"), []) == "d"


def test_the_page_opens_with_validation_then_test(monkeypatch, tmp_path):
    trackio = pytest.importorskip("trackio.utils")
    for name in ("TRACKIO_DIR", "HF_HUB_OFFLINE", "GRADIO_ANALYTICS_ENABLED"):
        monkeypatch.setenv(name, "")  # is given back after the test
    monkeypatch.setenv("TRACKIO_PLOT_ORDER", "")
    monkeypatch.delenv("TRACKIO_PLOT_ORDER")
    dashboard.prepare(str(tmp_path))
    names = ["epoch", "train/loss", "learning_rate/decay", "test/f1", "val/loss", "val/accuracy"]
    groups = trackio.order_metrics_by_plot_preference(names)[0]
    assert groups[:3] == ["val", "test", "train"]
    monkeypatch.setenv("TRACKIO_PLOT_ORDER", "train/*")
    dashboard.prepare(str(tmp_path))
    assert trackio.order_metrics_by_plot_preference(names)[0][0] == "train"


def test_rows_are_of_steps_without_the_facts_of_tables():
    steps = np.arange(2.0)
    curves = {"loss": (steps, steps), "late": (np.array([1.0]), np.array([5.0]))}
    run = RunRecord("a", load=lambda: {**curves, "test/mistakes.nrows": (steps, steps)})
    assert dashboard.table(run) == {0: {"loss": 0.0}, 1: {"loss": 1.0, "late": 5.0}}
    run.metrics = {"test/accuracy": 0.5, "seconds": 3.0}
    assert dashboard.table(run)[1] == {"loss": 1.0, "late": 5.0, "test/accuracy": 0.5}
    assert dashboard.table(RunRecord("a", metrics={"test/accuracy": 0.5})) == {
        0: {"test/accuracy": 0.5}
    }


def started(folder: Path, cache: Path, *words: str) -> tuple[subprocess.Popen, str]:
    """The command when it has said how to end it, and the address that it prints."""
    process = forking.start(
        [sys.executable, str(SCRIPT), "--no_open", *words],
        cwd=folder,
        env=running.environment(cache) | {"PYTHONPATH": str(running.ROOT), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    line = process.stdout.readline()
    if " runs at http://127.0.0.1:" not in line:
        process.kill()
        raise AssertionError((line, process.communicate()))
    assert process.stdout.readline().startswith("terminal: ")
    assert process.stdout.readline() == "Ctrl-C ends it\n"
    return process, line.split()[-1]


@pytest.mark.slow
def test_the_page_draws_the_curves_and_ends_cleanly(tmp_path, session_cache, browser):
    pytest.importorskip("trackio")
    for number in range(4):
        synthetic.write(tmp_path / "outputs", number)
    process, address = started(tmp_path, session_cache, "model=LoRA")
    try:
        page = browser.open(address, width=1400, height=1000)
        page.wait_for("document.body.innerText.includes('rank 8')")
        page.wait_for("document.body.innerText.includes('loss')")
        page.wait_for("document.querySelectorAll('svg, canvas').length > 3")
        assert "rank 2" in page.text() and "Adapter" not in page.text()
        outside = [
            url for url in page.requests if not url.startswith(("http://127.0.0.1", "data:"))
        ]
        assert not outside and not page.errors, (outside, page.errors)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and "Traceback" not in err, err
    assert "done   " in out
    assert not list(tmp_path.glob("pretune-dashboard-*"))


@pytest.mark.slow
def test_each_view_is_made_anew_on_a_port_of_its_own(tmp_path, session_cache):
    pytest.importorskip("trackio")
    synthetic.write(tmp_path / "outputs", 1)
    views = [started(tmp_path, session_cache) for _ in range(2)]
    assert views[0][1] != views[1][1]
    for process, _ in views:
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0
    assert not list(tmp_path.glob("pretune-dashboard-*"))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--port 70000", "--port 70000: from 1 to 65535"),
        ("--output nowhere", "--output nowhere: there is no such folder"),
        ("modle=LoRA", "modle: no run has that; did you mean model?"),
        ("missing", "trackio, which draws the dashboard, is missing: pip install -e '.[dash"),
    ],
)
def test_a_mistake_is_one_line(words, line, folder, monkeypatch, capsys):
    from datamodules import optional

    synthetic.write(folder / "outputs", 1)
    find = optional.importlib.util.find_spec
    gone = words == "missing"
    monkeypatch.setattr(optional.importlib.util, "find_spec", lambda n: None if gone else find(n))
    if not gone and line.startswith(("--output", "modle")):
        pytest.importorskip("trackio")
    monkeypatch.setattr(sys, "argv", ["dashboard.py", *([] if gone else words.split())])
    with pytest.raises(SystemExit) as stop:
        dashboard.main()
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.startswith(f"dashboard.py: error: {line}"), said
    assert said.count("\n") == 1
