"""Signals of schedulers and terminals: the run is saved, says so, and goes on as if unbroken."""

import os
import pty
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from experiments.common import exits, signals
from tests.experiments import running
from tests.experiments.runner.test_interruption import signal_at
from tests.experiments.running import finished, result

ALL_OF_IT = ["--data.batch_tokens", 256, "--model.dropout", 0.1]
NEVER = ["--checkpoint_seconds", 9999]  # no checkpoint but those of validations and signals


def saved_step(run) -> int:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]


def same_as(run, unbroken) -> bool:
    ours, theirs = (load_file(r / "export" / "adapter_model.safetensors") for r in (run, unbroken))
    equal = all(ours[name].equal(theirs[name]) for name in ours | theirs)
    return equal and result(run)["metrics"] == result(unbroken)["metrics"]


_WHOLE: list[Path] = []


@pytest.fixture
def unbroken(experiment, folder) -> Path:
    """A run without a signal, made once for all tests that compare theirs with it."""
    if not _WHOLE:
        finished(experiment(*ALL_OF_IT, "--output", "whole"))
        _WHOLE.extend((folder / "whole").glob("*/*"))
    return _WHOLE[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1"])
def test_saved_in_mid_epoch_and_gone_on_with_as_unbroken(experiment, unbroken, name):
    number = getattr(signal, name)
    ended = experiment(*ALL_OF_IT, *NEVER, *signal_at("train_batch_start:2", number))
    assert ended.code == 128 + number, ended
    assert (
        ended.err.rstrip().endswith(f" --resume {ended.run.name}") and " Go on with: " in ended.err
    )
    assert saved_step(ended.run) == 3  # of the step in which the signal came
    after = finished(experiment("--resume", "last", bare=True))
    assert "going on after step 3 (epoch 1)" in after.out
    assert same_as(after.run, unbroken)


@pytest.mark.slow
def test_signal_in_a_validation_waits_for_its_end(experiment):
    ended = experiment(*ALL_OF_IT, *NEVER, *signal_at("validation_batch_end:8", signal.SIGTERM))
    assert ended.code == 143 and saved_step(ended.run) == 8, ended


@pytest.mark.slow
def test_step_that_takes_too_long_is_not_waited_for(experiment, monkeypatch):
    monkeypatch.setitem(signals._SECONDS, "SIGTERM", 0.1)
    slow = "tests.experiments.signalling.Slow"
    slowly = [f"--trainer.callbacks+={slow}", "--trainer.callbacks.seconds=30"]
    ended = experiment(*ALL_OF_IT, *signal_at("train_batch_start:0", signal.SIGTERM), *slowly)
    assert ended.code == 143 and "begin again with" in ended.err, ended


@pytest.mark.slow
def test_nohup_is_respected(experiment):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        finished(experiment(*signal_at("train_batch_end:1", signal.SIGHUP)))
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
def test_slurm_queues_the_job_again_and_it_goes_on_with_its_run(experiment, folder, monkeypatch):
    (folder / "scontrol").write_text('#!/bin/sh\necho "$@" >> said\n')
    (folder / "scontrol").chmod(0o755)
    job = {"SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "1"}
    job |= {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
    job |= {"SLURM_NODELIST": "here", "PATH": f"{folder}:{os.environ['PATH']}"}
    for name, value in job.items():
        monkeypatch.setenv(name, value)
    line = [*ALL_OF_IT, *NEVER, *signal_at("train_batch_start:2", signal.SIGUSR1)]
    ended = experiment(*line)
    assert ended.code == 138 and (folder / "said").read_text() == "requeue 77\n"
    assert ended.err.rstrip().endswith("SLURM has queued job 77 again, which goes on with this run")
    assert not list(ended.run.glob("hpc*"))
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    after = finished(experiment(*line))  # the same command line, in the same job
    assert after.run == ended.run and "going on after step 3" in after.out


def test_signals_are_left_alone_in_another_thread():
    before, errors = signal.getsignal(signal.SIGTERM), []

    def call() -> None:
        try:
            with exits.guarded("thread"):
                errors.append(signal.getsignal(signal.SIGTERM))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert errors == [before]


@pytest.mark.slow
def test_terminal_that_is_closed(folder, bert, session_cache):
    """The kernel sends SIGHUP to all processes of the terminal, also to those of W&B."""
    line = running.flags(bert, *ALL_OF_IT, "--trainer.max_epochs", 5000, tracked=True)
    script = str(running.ROOT / "experiments" / "lora_sst2.py")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(
            sys.executable,
            [sys.executable, script, *map(str, line)],
            running.environment(session_cache),
        )
    deadline = time.monotonic() + 120
    while not list(folder.rglob("last.ckpt")) and time.monotonic() < deadline:
        os.read(terminal, 10_000)
    time.sleep(0.5)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    run = running.only_run(folder)
    assert running.recorded(run).state == "interrupted"
    step = saved_step(run)
    epoch = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["epoch"]
    words = ["--resume", "last", "--trainer.max_epochs", str(epoch + 2)]
    process = running.start(words, folder, session_cache)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and f"going on after step {step}" in out, (out, err)


@pytest.mark.slow
@pytest.mark.parametrize("everyone", [False, True], ids=["rank 0", "all ranks"])
def test_two_processes_save_together(folder, bert, session_cache, everyone):
    line = running.flags(bert, "--trainer.devices", 2, "--trainer.strategy", "ddp", *NEVER)
    line += ["--trainer.max_epochs", "5000", "--trainer.check_val_every_n_epoch", "20"]
    process = running.start(line, folder, session_cache)
    deadline = time.monotonic() + 120
    while not list(folder.rglob("last.ckpt")) and time.monotonic() < deadline:
        time.sleep(0.1)
    before = saved_step(running.only_run(folder))
    time.sleep(0.5)
    (os.killpg if everyone else os.kill)(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143 and "Go on with" in err, (out, err)
    assert saved_step(running.only_run(folder)) > before
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.killpg(process.pid, 0)
            time.sleep(0.1)


@pytest.mark.parametrize(
    "strategy", ["ddp_spawn", "ddp_notebook", "ddp_fork_find_unused_parameters_true"]
)
def test_strategies_that_copy_the_process_are_refused(experiment, strategy):
    ended = experiment("--trainer.strategy", strategy, "--trainer.devices", 2)
    assert ended.code == 2 and ended.err.count("\n") == 1 and not ended.outputs.exists(), ended
    assert f"--trainer.strategy {strategy}: " in ended.err and "; ddp trains the same" in ended.err
