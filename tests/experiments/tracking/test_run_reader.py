"""Runs read back from disk, the same as W&B's own program reads them."""

import math
import subprocess
import sys
import time

import pytest

from experiments.tracking import run_reader, wandb_log
from experiments.tracking.keys import STEP
from tests.experiments import synthetic, wandb_reference


def test_records_survive_blocks_and_end_where_a_kill_tore_them(tmp_path):
    sizes = [10, 2**15 - 40, 5, 3 * 2**15, 2**15 - 7, 1, 0, 70_000]
    wanted = [bytes([number]) * size for number, size in enumerate(sizes)]
    whole = synthetic.frame(wanted)
    file = tmp_path / "run-a.wandb"
    file.write_bytes(whole)
    assert list(wandb_log.records(file)) == wanted
    ends = [len(synthetic.frame(wanted[:number])) for number in range(1, len(wanted) + 1)]
    cuts = {end + off for end in ends[:-1] for off in (-1, 0, 1)} | {ends[-1] - 1, 2**15 + 3}
    for cut in (*sorted(cuts), len(whole) - 69_000, 8, 7, 0):
        file.write_bytes(whole[:cut])
        written = sum(end <= cut for end in ends)
        assert list(wandb_log.records(file)) == wanted[:written], cut
    damaged = bytearray(whole)
    damaged[7 + 7 + 10 + 7 + 100] ^= 1  # in the second record
    file.write_bytes(damaged)
    assert list(wandb_log.records(file)) == wanted[:1]
    for other in (b"something else", whole[:3]):
        file.write_bytes(other)
        with pytest.raises(ValueError, match="not a log of W&B"):
            list(wandb_log.records(file))


def test_a_made_up_run_is_read_by_wandbs_own_program(tmp_path):
    place = synthetic.write(tmp_path, 4, steps=12)
    theirs = wandb_reference.inspect(place)
    assert theirs["config"]["model"] == {"class": "LoRA", "rank": 4, "alpha": 16}
    assert len(theirs["history"]) == 12 and theirs["group"] == "group-0"


def test_a_real_run_reads_as_wandbs_own_program_reads_it(experiment):
    began = time.strftime("%Y-%m-%d %H:%M:%S")
    ended = experiment("--tracking.group", "some", "--tracking.tags+=mine", tracked=True)
    assert ended.code == 0, ended
    theirs, (mine,) = wandb_reference.inspect(ended.run), run_reader.local(ended.outputs)
    assert mine.config == run_reader.flat(theirs["config"])
    assert mine.config["model"] == "LoRA" and mine.config["model.rank"] == 5
    assert (mine.id, mine.group, mine.state) == (theirs["id"], theirs["group"], theirs["state"])
    assert sorted(mine.tags) == sorted(theirs["tags"]) and mine.place == str(ended.run)
    for name, value in run_reader.numbers(theirs["summary"]).items():
        assert mine.metrics[name] == pytest.approx(value), name
    for name in ("train/loss", "val/accuracy", "learning_rate/decay", "epoch"):
        pairs = {row[STEP]: row[name] for row in theirs["history"] if name in row}
        assert dict(zip(*mine.curve(name), strict=True)) == pytest.approx(pairs), name
    assert began <= mine.started <= time.strftime("%Y-%m-%d %H:%M:%S")


def part(root, folder, *arguments, **more):
    place = root / "made_up" / "one" / "wandb" / folder
    place.mkdir(parents=True)
    (place / "run-one.wandb").write_bytes(synthetic.log("one", *arguments, **more))


def test_a_resumed_run_is_one_with_the_best_of_both(tmp_path):
    rows = [{STEP: step, "train/loss": 9.0 - step} for step in range(6)]
    best = {"val/accuracy": {"max": 0.9}, "state": "interrupted"}
    part(tmp_path, "offline-run-20261101_100000-one", {"a": 1}, rows, best)
    again = [{STEP: step, "train/loss": -float(step)} for step in range(4, 8)]
    last = {"val/accuracy": {"max": 0.8}, "state": "finished"}
    part(tmp_path, "run-20261101_110000-one", {"a": 1}, again, last, started=1_800_003_600)
    (run,) = run_reader.local(tmp_path)
    steps, values = run.curve("train/loss")
    assert list(values) == [9, 8, 7, 6, -4, -5, -6, -7] and list(steps) == list(range(8))
    assert run.metrics["val/accuracy"] == 0.9 and run.state == "finished"
    assert run.started < time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1_800_003_600))


def test_a_run_that_has_not_ended_goes_on_or_has_crashed(tmp_path):
    from experiments.common import files

    place = synthetic.write(tmp_path, 0, ended=False)
    state = lambda: run_reader.local(tmp_path)[0].state  # noqa: E731
    assert state() == "crashed"
    lock = files.lock(place)
    code = "from experiments.tracking import run_reader; "
    code += f"print(run_reader.local('{tmp_path}')[0].state)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert other.stdout.strip() == "running", other.stderr
    files.unlock(lock)
    assert state() == "crashed"


def test_numbers_that_are_none_and_what_is_no_number(tmp_path):
    rows = [{STEP: 0, "a": math.nan, "b": "words"}, {STEP: 1, "a": math.inf}]
    part(tmp_path, "run-20261101_100000-one", {}, rows, {"t": {"_type": "table", "rows": 3}})
    (run,) = run_reader.local(tmp_path)
    _steps, values = run.curve("a")
    assert math.isnan(values[0]) and values[1] == math.inf and "b" not in run.curves
    assert run.metrics == {} and len(run.curve("nothing")[0]) == 0


def test_what_was_read_is_remembered_until_its_file_changes(tmp_path, monkeypatch):
    for number in range(3):
        synthetic.write(tmp_path, number)
    read, real = [], wandb_log.read
    monkeypatch.setattr(wandb_log, "read", lambda file: read.append(file.stem) or real(file))
    first = run_reader.local(tmp_path)
    assert len(read) == 3 and [run.id for run in first] == sorted(run.id for run in first)
    again = run_reader.local(tmp_path)
    assert len(read) == 3 and [run.metrics for run in again] == [run.metrics for run in first]
    (log,) = tmp_path.glob("made_up/261101-000001-abcd/wandb/*/run-*.wandb")
    with open(log, "ab") as file:
        file.write(b"\0")
    run_reader.local(tmp_path)
    assert len(read) == 4 and "000001" in read[-1]
