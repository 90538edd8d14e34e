"""Which run `--resume last` is, two resumes at once, and the checks of a resumed checkpoint."""

import json
import os
import shutil
import threading
from pathlib import Path

import psutil
import pytest
import torch
import torch.distributed.checkpoint as dcp

from experiments.common import files
from experiments.common.runs import list_runs, record_start
from experiments.runner import checkpoints, run_folder
from tests.experiments import running
from tests.experiments.runner.test_interruption import signal_at
from tests.experiments.running import finished, result

ROOT = Path("outputs/lora_sst2")


def make(name: str, *names: str) -> Path:
    """A run's folder with run.json and these files."""
    folder = ROOT / name
    (folder / "checkpoints").mkdir(parents=True)
    record_start(folder)
    for file in names:
        (folder / file).write_text("{}")
    return folder


CAN = ("config.yaml", "checkpoints/last.ckpt")


def test_last_passes_over_runs_that_cannot_go_on_and_says_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    able = make("able", *CAN)
    make("done", *CAN, "result.json")
    make("young", "config.yaml")
    make("torn")
    held = files.lock(make("busy", *CAN))
    with run_folder.released_at_end():
        chosen, note = run_folder.find("outputs", "lora_sst2", "last")
        assert chosen == able and files.is_locked(able)
    assert not files.is_locked(able)
    assert note == (
        "--resume last passed over newer runs: busy is still going on; torn has no config.yaml; "
        "young has no checkpoint yet (--resume young begins it again); done is finished"
    )
    shutil.rmtree(able)
    with pytest.raises(ValueError, match="no unfinished run in outputs/lora_sst2; passed over: bu"):
        run_folder.find("outputs", "lora_sst2", "last")
    files.unlock(held)


def test_run_of_another_experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = make("able", *CAN)
    with pytest.raises(ValueError, match="that run is of lora_sst2.py.* and this is full_sst2.py"):
        run_folder.find("outputs", "full_sst2", str(folder))


def test_order_of_runs_after_the_clock_was_set_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (make("first") / "run.json").write_text(
        json.dumps(
            {"id": "first", "experiment": "lora_sst2", "started": "2099-01-01T00:00:00.000+00:00"}
        )
    )
    make("second")
    make("third")
    assert [run.id for run in list_runs(ROOT)] == ["first", "second", "third"]


def test_probe_of_a_lock_does_not_stop_whoever_takes_it(tmp_path):
    probe = files.FileLock(tmp_path / ".lock")
    probe.acquire()
    threading.Timer(0.1, files.unlock, (probe,)).start()
    files.unlock(files.lock(tmp_path))


def test_advice_only_where_it_helps(experiment):
    nan = ["--model.learning_rate", 1e30, "--model.warmup_ratio", 0]
    assert "--resume" not in experiment(*nan, "--output", "nan").err
    failing = "tests.experiments.signalling.Notifier"
    words = [f"--trainer.callbacks+={failing}", "--trainer.callbacks.url=x"]
    words += ["--trainer.callbacks.password=y", "--trainer.callbacks.fails=true"]
    quick = experiment(*words, "--output", "quick", "--trainer.fast_dev_run", "true")
    assert quick.code == 1 and "--resume" not in quick.err
    ended = experiment(*words)
    assert "begin again with: " in ended.err and ended.err.rstrip().endswith(ended.run.name)


@pytest.mark.slow
def test_checkpoint_is_read_once(experiment, monkeypatch):
    """By the bytes that the process reads, with 100 MB beside the checkpoint's own."""
    ended = finished(experiment())
    last = ended.run / "checkpoints" / "last.ckpt"
    held = torch.load(last, weights_only=True)
    torch.save({**held, "ballast": torch.zeros(100_000_000 // 4)}, last)
    (ended.run / "result.json").unlink()
    before = psutil.Process().io_counters().read_chars
    finished(experiment("--resume", "last", bare=True))
    assert psutil.Process().io_counters().read_chars - before < 150e6


def test_tensors_read_ahead_are_handed_out_once(tmp_path, monkeypatch):
    io, file, calls = checkpoints.AtomicCheckpointIO(tmp_path), tmp_path / "last.ckpt", []
    io.save_checkpoint({"state_dict": {"a": torch.ones(2)}}, file)
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda *a, **k: calls.append(a) or load(*a, **k))
    ahead = io.read_ahead(file)
    ahead["state_dict"] = "changed by a check"
    assert io.load_checkpoint(file)["state_dict"]["a"].tolist() == [1, 1] and len(calls) == 1
    io.load_checkpoint(file, weights_only=True)
    assert len(calls) > 1 and io._ahead == {}


def shard(run: Path, **changed: torch.Tensor) -> None:
    """Rewrites last.ckpt as Lightning's FSDP strategy writes a sharded one."""
    last = run / "checkpoints" / "last.ckpt"
    held = torch.load(last, weights_only=True)
    last.unlink()
    last.mkdir()
    weights = held.pop("state_dict") | changed
    dcp.save({"model": weights}, checkpoint_id=last, no_dist=True)
    held.pop("optimizer_states")
    torch.save(held, last / checkpoints.METADATA)


@pytest.mark.slow
def test_sharded_checkpoint_is_compared_as_a_plain_one(experiment, monkeypatch):
    ended = finished(experiment())
    run = ended.run
    (run / "result.json").unlink()
    name = next(
        iter(torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"])
    )
    shutil.copytree(run, Path("kept"))

    def said(*words):
        again = experiment("--resume", run.name, *words, bare=True)
        assert again.code == 2, again
        return again.err

    def restore():
        shutil.rmtree(run)
        shutil.copytree(Path("kept"), run)

    shard(run)
    assert "--seed_everything was 0 and is 7" in said("--seed_everything", 7)
    assert "--model.rank was 5 and is 8" in said("--model.rank", 8)
    text = Path("my.csv").read_text()
    Path("my.csv").write_text(text + "another row,positive\n" * 9)
    plain = said()
    Path("my.csv").write_text(text)
    assert "Traceback" not in plain and "data" in plain, plain
    restore()
    shard(run, **{name: torch.zeros(3)})
    assert f"does not fit this LoRA with 28: {name}" in said() or name in said()
    restore()
    os.truncate(run / "checkpoints" / "last.ckpt", 100)
    assert "cannot be read" in said()


@pytest.mark.slow
@pytest.mark.parametrize("wanted", ["last", "id"])
def test_two_resumes_at_once(folder, bert, session_cache, wanted):
    """The loser writes nothing into the winner's folder, and says why it ended."""
    slow = [
        "--trainer.callbacks+=tests.experiments.signalling.Slow",
        "--trainer.callbacks.seconds=0.5",
    ]
    line = running.flags(
        bert, *signal_at("train_batch_end:3", 9), *slow, "--checkpoint_seconds", 0, tracked=True
    )
    running.start(line, folder, session_cache).communicate(timeout=120)
    run = running.only_run(folder)
    words = ["--resume", "last" if wanted == "last" else run.name]
    both = [
        running.start([*words, "--trainer.log_every_n_steps", str(n)], folder, session_cache)
        for n in (2, 3)
    ]
    ended = [
        (*process.communicate(timeout=240), process.returncode, n)
        for n, process in zip((2, 3), both, strict=True)
    ]
    (loser,) = [end for end in ended if end[2]]
    (winner,) = [end for end in ended if not end[2]]
    assert loser[2] == 2 and "still going on" in loser[1], loser
    assert loser[1].count("\n") == 1 and loser[0] == ""
    assert result(run)["config"]["trainer"]["log_every_n_steps"] == winner[3]
    assert running.config(run)["trainer"]["log_every_n_steps"] == winner[3]
    assert len(list((run / "wandb").glob("offline-run-*"))) == 2
    assert not (run / ".lock").exists() and not (run / "error.txt").exists()
