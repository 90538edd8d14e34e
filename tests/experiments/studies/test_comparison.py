"""Several runs as one table: what is run, skipped, resumed and reported."""

import csv
import os
import runpy
import signal
import subprocess
import sys
import time

import pytest

from experiments.reporting import figures, results
from experiments.studies import comparison, jobs, workers
from experiments.studies.comparison import Row
from tests.experiments import forking, running
from tests.experiments.running import ROOT
from tests.experiments.studies.ablating import result


def test_means_and_sample_deviations():
    runs = {"a": [result(0.80), result(0.82), result(0.87)], "b": [result(0.5, 50)]}
    first, second = results.summaries(runs)
    mean, deviation = first["test/accuracy"]
    assert mean == pytest.approx(0.83)
    # n - 1: ((0.03² + 0.01² + 0.04²) / 2)^½
    assert deviation == pytest.approx(((0.0009 + 0.0001 + 0.0016) / 2) ** 0.5)
    assert second["test/accuracy"] == (0.5, None) and second["parameters"] == 50
    table = results.markdown([first, second], [r for rows in runs.values() for r in rows])
    assert "| a " in table and "0.8300 ± 0.0361 | 0.8400 ± 0.0361" in table
    assert "4.0 kB" in table and "200 B" in table and "2.50 GB" in table and "1,234" in table
    assert "over 1 to 3 seeds" in table and "800" in table and "commit: 0123456" in table
    assert len({len(line) for line in table.splitlines() if line.startswith("|")}) == 1


def test_a_table_shows_the_metrics_that_a_study_names():
    runs = {"a": [{**result(0.8), "metrics": {"val/loss": 1.0, "test/f1": n}} for n in (0.2, 0.4)]}
    (line,) = results.summaries(runs, ("test/f1",))
    assert [name for name in line if "/" in name] == ["test/f1"]
    assert line["test/f1"][0] == pytest.approx(0.3)


def test_plot_shows_every_row_by_name(tmp_path):
    lines = results.summaries({"first": [result(0.8), result(0.9)], "second": [result(0.7, 10)]})
    figures.plot_quality(lines, tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text()
    assert "first" in text and "second" in text and "trained parameters" in text
    figures.plot_quality(lines, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--seeds", "0"], "--seeds 0: at least 1"),
        (["--jobs", "-1"], "--jobs -1: at least 1"),
        (["--only", "two", "lorra"], "--only lorra: no such row; there are one, two"),
        (["--only", "twoo"], "--only twoo: no such row; there are one, two; did you mean two?"),
        (["--sees", "3"], "unrecognized arguments: --sees"),
        (["--", "--seed_everything", "3"], "-- --seed_everything: the seeds are --seeds"),
        (["--", "--output=x"], "-- --output: the folder is --output of this command"),
    ],
)
def test_bad_flags_are_one_line(words, line, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mine.py", *words])
    rows = [Row("one", "lora_sst2"), Row("Two", "full_sst2")]
    with pytest.raises(SystemExit) as stop:
        comparison.main("mine.py", "A question.", rows)
    shown = capsys.readouterr().err
    assert stop.value.code == 2 and line in shown and len(shown.splitlines()) == 1
    assert not (folder / "outputs").exists()


@pytest.mark.parametrize(
    ("words", "runs"),
    [([], ["one 0", "two 0", "two 1"]), (["--seeds", "2"], ["one 0", "two 0", "one 1", "two 1"])],
)
def test_a_row_has_seeds_of_its_own_unless_they_are_given(words, runs, folder, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "argv", ["mine.py", *words])
    monkeypatch.setattr(
        comparison.Comparison,
        "run",
        lambda self: seen.extend(f"{job.row.name} {job.seed}" for job in self.jobs),
    )
    monkeypatch.setattr(comparison, "_report", lambda *_: None)
    comparison.main("mine.py", "A question.", [Row("one", "a", seeds=1), Row("two", "b", seeds=2)])
    assert seen == runs


def test_a_flag_of_every_run_that_replaces_a_rows_own_is_named(folder, monkeypatch, capsys):
    more = "--model.rank=2 --data.train_rows 9 --trainer.callbacks+=Timer"
    monkeypatch.setattr(sys, "argv", ["mine.py", "--seeds", "1", "--", *more.split()])
    monkeypatch.setattr(comparison.Comparison, "run", lambda self: None)
    monkeypatch.setattr(comparison, "_report", lambda *_: None)
    flags = ("--model.rank", "8", "--trainer.callbacks+=EarlyStopping")
    comparison.main("mine.py", "A question.", [Row("one", "a", flags), Row("two", "b")])
    assert capsys.readouterr().out == "note   --model.rank after -- replaces that of one\n"


WAITS = """
import json, sys, time
from pathlib import Path

flags = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if flags["--kind"] == "fails":
    raise SystemExit(1)
if flags["--kind"] == "after":
    Path(flags["--before"], "used").touch()
while flags["--kind"] == "slow" and not list(Path(flags["--output"]).parent.glob("*/*/*/used")):
    time.sleep(0.05)
run = Path(flags["--output"], "waits", "1")
run.mkdir(parents=True)
metrics = {"test/accuracy": 0.5, "val/accuracy": 0.5}
(run / "result.json").write_text(json.dumps({"metrics": metrics, "seconds": 1, "flags": flags}))
"""


@pytest.mark.slow
def test_a_run_that_waits_for_another_starts_as_soon_as_that_has_finished(folder, capfd):
    """The slow one ends only when the one that waits for the quick one has used its run."""
    (folder / "waits.py").write_text(WAITS)

    def job(kind, *flags, after=None):
        row = Row(f"{kind}{' later' * bool(after)}", str(folder / "waits.py"))
        return jobs.Job(row, 0, ("--kind", kind, *flags), folder, after)

    slow, quick, fails = job("slow"), job("quick"), job("fails")
    later = job("after", "--before", "{run}", after=quick)
    never = job("after", "--before", "{run}", after=fails)
    ran = jobs.Comparison([later, never, slow, quick, fails], at_once=2)
    ran.run()
    assert later.result()["flags"]["--before"] == quick.result()["run"]
    assert slow.result() and never.result() is None and list(ran.failed) == [fails]
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "after" not in line] == ["1/3", "2/3", "3/3"]
    assert [line.split()[0] for line in lines if "after" in line] == ["1/2"]
    jobs.Comparison([later, never, slow, quick], at_once=1).run()
    assert capfd.readouterr().out == "3 of 4 runs have been made before\n"


MAKES = """
import json, sys
from pathlib import Path

flags = dict(zip(sys.argv[1::2], sys.argv[2::2]))
for place in (flags["--output"], flags["--other"]):
    run = Path(place, "makes", "1")
    run.mkdir(parents=True)
    result = {"metrics": {"test/accuracy": 0.5, "val/accuracy": 0.5}, "seconds": 1}
    (run / "result.json").write_text(json.dumps(result))
"""


@pytest.mark.slow
def test_a_run_that_another_study_makes_meanwhile_is_taken(folder, capfd):
    """The second run would fail, if it were started: it has no other."""
    (folder / "makes.py").write_text(MAKES)
    second = jobs.Job(Row("second", str(folder / "makes.py")), 0, (), folder)
    words = ("--other", str(second.folder))
    first = jobs.Job(Row("first", str(folder / "makes.py")), 0, words, folder)
    ran = jobs.Comparison([first, second], at_once=1)
    ran.run()
    assert not ran.failed
    lines = capfd.readouterr().out.splitlines()  # in any order: both may have ended by then
    assert [line.split()[0] for line in lines] == ["1/2", "2/2"]
    assert sum("second, seed 0: val/accuracy 0.5000, 1 s" in line for line in lines) == 1


@pytest.mark.slow
def test_a_run_can_be_interrupted_as_soon_as_it_has_started(folder):
    (folder / "sleeps.py").write_text("import time; time.sleep(60)")
    for number in range(5):
        process = workers.start([str(folder / "sleeps.py")], folder / f"{number}.txt", {})
        os.kill(process.pid, signal.SIGINT)
        process.join(10)
        assert process.exitcode == 1


SCRIPT = """
from experiments.studies.comparison import Row, main

ROWS = [
    Row("lora", "lora_sst2", ("--model.rank=2",)),
    Row("wrong", "lora_sst2", ("--model.targets=nothing",)),
    Row("full", "full_sst2"),
]

if __name__ == "__main__":
    main(__file__, "A question.", ROWS)
"""


@pytest.mark.slow
def test_runs_once_goes_on_after_ctrl_c_and_outlives_a_failure(
    folder, bert, session_cache, monkeypatch, capfd
):
    """Ctrl-C arrives in the first run; started again all is run; then nothing is left to do."""
    (folder / "mine.py").write_text(SCRIPT)
    shared = running.flags(bert)
    at = shared.index("--trainer.max_epochs")
    del shared[at : at + 2]
    command = [sys.executable, "mine.py", "--seeds", "1", "--", *shared]
    command += ["--trainer.max_epochs", "40", "--checkpoint_seconds", "0"]
    own = {"env": running.environment(session_cache) | {"PYTHONPATH": str(ROOT)}}
    settings = {"cwd": folder, "text": True, "start_new_session": True, **own}
    settings |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    first = forking.start(command, **settings)
    for _ in range(600):
        if list(folder.glob("outputs/mine/runs/lora-*/lora_sst2/*/checkpoints/last.ckpt")):
            break
        time.sleep(0.1)
    os.killpg(first.pid, signal.SIGINT)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 130 and "Continue, without repeating finished runs" in err, (
        out,
        err,
    )
    assert "Traceback" not in err and not list(folder.glob("outputs/mine/runs/*/*/*/result.json"))

    def again(*words: str) -> tuple[int, str]:
        """In this process, which has all imported; the exit code and the output."""
        monkeypatch.setattr(sys, "argv", [*command[1:4], *words, *command[4:]])
        code = 0
        try:
            runpy.run_path(str(folder / "mine.py"), run_name="__main__")
        except SystemExit as stop:
            code = stop.code
        return code, capfd.readouterr().out

    _, out = again()
    assert "wrong, seed 0: failed with exit code 2" in out and "--model.targets nothing" in out
    runs = sorted(folder.glob("outputs/mine/runs/*/*/*/result.json"))
    assert len(runs) == 2, out
    (resumed,) = folder.glob("outputs/mine/runs/lora-*/log.txt")
    assert "going on after step" in resumed.read_text()
    assert len(list(folder.glob("outputs/mine/runs/lora-*/lora_sst2/*"))) == 1
    with (folder / "outputs/mine/runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == ["lora", "full"]
    for row in rows:
        assert (
            float(row["test/accuracy"])
            == running.result(folder / row["run"])["metrics"]["test/accuracy"]
        )
    assert "\nlora  " in out and "\nfull  " in out and "\ndone   outputs/mine" in out

    code, out = again("--only", "lora", "full")
    assert code == 0 and "2 of 2 runs have been made before" in out, out
    assert sorted(folder.glob("outputs/mine/runs/*/*/*/result.json")) == runs
