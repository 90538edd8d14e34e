"""Ctrl-C, SIGTERM and kill -9: what is said, what is kept, and that resuming makes it whole."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from experiments.common.shell import program
from experiments.runner import training
from experiments.tracking.keys import STEP
from tests.experiments import forking, running
from tests.experiments.running import result

SIGNAL = "--trainer.callbacks+=tests.experiments.signalling.SignalAt"


def signal_at(places: str, number: int = signal.SIGINT, again: bool = False) -> list[str]:
    key = "--trainer.callbacks."
    return [SIGNAL, f"{key}places={places}", f"{key}number={int(number)}", f"{key}again={again}"]


@pytest.mark.quick_if(lambda case: case["place"] == "train_batch_end:3")
@pytest.mark.parametrize(
    ("place", "number", "code"),
    [
        ("train_batch_start:0", signal.SIGINT, 130),
        ("train_batch_end:3", signal.SIGINT, 130),
        ("train_batch_end:3", signal.SIGTERM, 143),
        ("validation_batch_end:4", signal.SIGINT, 130),
        ("test_batch_end:0", signal.SIGINT, 130),
        ("test_batch_end:0", signal.SIGTERM, 143),
    ],
)
def test_interruption_closes_the_run_and_says_how_to_go_on(experiment, place, number, code):
    tracked = place == "train_batch_end:3"
    ended = experiment(
        *signal_at(place, number, again=True), "--checkpoint_seconds", 0, tracked=tracked
    )
    assert ended.code == code, ended
    known = "epoch ", "note   "  # the note on a new head comes once a process
    lines = [line for line in ended.err.splitlines() if line and not line.startswith(known)]
    begin = "No checkpoint yet; begin again" if "start" in place else "Go on"
    assert lines.pop() == (
        f"lora_sst2.py: interrupted. {begin} with: "
        f"{program('python')} experiments/lora_sst2.py --resume {ended.run.name}"
    )
    assert lines == [] or lines == ["closing the run; interrupt again to leave at once"]
    assert not tracked or running.recorded(ended.run).state == "interrupted"
    assert not (ended.run / "result.json").exists()
    after = experiment("--resume", ended.run.name, bare=True)
    assert after.code == 0 and result(ended.run)["metrics"], after
    assert ("going on after step" in after.out) == ("start" not in place)
    assert not tracked or running.recorded(ended.run).state == "finished"


@pytest.mark.parametrize("where", ["data", "export"])
def test_interruption_outside_of_the_trainer(experiment, monkeypatch, where):
    def press(*_):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    with monkeypatch.context() as patch:
        if where == "export":
            patch.setattr(training, "export", press)
        else:
            patch.setattr("datamodules.labelled_text.LabelledText.prepare_data", press)
        ended = experiment()
    assert ended.code == 130
    line = [line for line in ended.err.splitlines() if line][-1]
    if where == "data":
        assert line == "lora_sst2.py: interrupted" and not ended.outputs.exists()
    else:
        assert line == (
            "lora_sst2.py: interrupted. Go on with: "
            f"{program('python')} experiments/lora_sst2.py --resume {ended.run.name}"
        )
        assert not (ended.run / "export").exists()


def test_interruption_of_the_imports():
    # Python begins the path with the folder of the script that it runs.
    code = f"import sys; sys.path.insert(0, {str(running.ROOT / 'experiments')!r}); "
    code += "import experiments, os, signal, time; os.kill(os.getpid(), signal.SIGINT)"
    process = subprocess.run(
        [sys.executable, "-c", f"{code}; time.sleep(9)"],
        cwd=running.ROOT,
        capture_output=True,
        text=True,
        # A shell's background jobs ignore it, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.returncode == -signal.SIGINT  # which a shell shows as 130
    assert process.stderr == "\n-c: interrupted\n"


def curve(run) -> dict[int, dict[str, float]]:
    """What was logged at each step, without the clock's values."""
    clock = {"_timestamp", "_runtime", "_step", "tokens_per_second", "mfu"}
    rows = [row for row in running.recorded(run).history if STEP in row]
    kept = [
        {k: v for k, v in row.items() if k not in clock and "artifact" not in k} for row in rows
    ]
    return {row[STEP]: row for row in kept}


@pytest.mark.slow
def test_killed_again_and_again_and_resumed_equals_the_unbroken_run(folder, bert, session_cache):
    line = running.flags(bert, "--model.dropout", 0.1, "--data.batch_tokens", 256, tracked=True)
    line += ["--checkpoint_seconds", "0"]
    assert running.call([*line, "--output", "whole"], folder, session_cache)[0] == 0
    (unbroken,) = (folder / "whole" / "lora_sst2").iterdir()
    steps = max(curve(unbroken))
    half = (steps + 1) // 2  # of two epochs
    middle = random.randrange(2, half)
    places = [
        "train_batch_start:0",  # there is no checkpoint yet
        f"train_batch_end:{middle}",
        f"validation_end:{half}",  # before the checkpoint that follows the validation
        f"train_epoch_end:{half}",  # just after it
        "test_batch_end:0",  # training is over
    ]
    killing = signal_at(",".join(places), signal.SIGKILL)
    code, out, err = running.call([*line, *killing], folder, session_cache)
    assert code == -signal.SIGKILL, err
    run = running.only_run(folder)
    for number in range(len(places)):
        wanted = "last" if number else run.name  # without a checkpoint it is not the last
        code, out, err = running.call(["--resume", wanted], folder, session_cache)
        assert code == (0 if number == len(places) - 1 else -9), (number, err)
        assert ("no checkpoint yet: starting from the beginning" in out) == (number == 0), out
    assert (folder / "sent").read_text().split() == places
    assert "epoch " not in err  # the last one only tested and exported
    assert result(run)["metrics"] == result(unbroken)["metrics"]
    ours = load_file(run / "export" / "adapter_model.safetensors")
    theirs = load_file(unbroken / "export" / "adapter_model.safetensors")
    assert ours.keys() == theirs.keys() and all(ours[k].equal(theirs[k]) for k in ours)
    ours, theirs = curve(run), curve(unbroken)
    points = {(step, key) for c in (ours, theirs) for step in c for key in c[step]}
    other = {at: [c.get(at[0], {}).get(at[1]) for c in (ours, theirs)] for at in points}
    other = {at: pair for at, pair in other.items() if pair[0] != pair[1]}
    assert other == {}, middle


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["finish", "ctrl-c", "nan"])
def test_two_processes(folder, bert, session_cache, ending):
    epochs = 2 if ending == "finish" else 500
    line = running.flags(bert, "--trainer.devices", 2, "--trainer.strategy", "ddp", tracked=True)
    line += ["--trainer.max_epochs", str(epochs), "--trainer.check_val_every_n_epoch", "2"]
    if ending == "nan":
        line += ["--model.learning_rate", "1e30", "--model.warmup_ratio", "0"]
    begin = subprocess.Popen if ending == "finish" else forking.start
    process = running.start(line, folder, session_cache, begin=begin)
    if ending == "ctrl-c":
        deadline = time.monotonic() + 120
        while not list(folder.rglob("last.ckpt")) and time.monotonic() < deadline:
            time.sleep(0.1)
        for _ in range(2):  # a terminal sends it to all processes of the group
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.3)
    out, err = process.communicate(timeout=120)
    run = running.only_run(folder)
    known = "epoch ", "note   "
    noise = [line for line in err.splitlines() if line and not line.startswith(known)]
    assert len(list(run.glob("wandb/offline-run-*"))) == 1
    deadline = time.monotonic() + 10
    with pytest.raises(ProcessLookupError):  # nobody is left
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.1)
    state = {"finish": "finished", "ctrl-c": "interrupted", "nan": "failed"}[ending]
    assert running.recorded(run).state == state
    assert process.returncode == {"finish": 0, "ctrl-c": 130, "nan": 2}[ending], (out, err)
    if ending == "finish":
        assert noise == [] and result(run)["metrics"]["test/accuracy"] >= 0
        assert out.count("track  W&B offline") == 1
    else:
        end = f"--resume {run.name}" if ending == "ctrl-c" else "raise --model.warmup_ratio"
        assert noise[-1].endswith(end) and len(noise) <= 2 and "Traceback" not in err, err


@pytest.mark.slow
def test_ctrl_c_on_a_real_command_line(folder, bert, session_cache):
    line = running.flags(bert, "--trainer.max_epochs", 5000, tracked=True)
    process = running.start(line, folder, session_cache, begin=subprocess.Popen)
    deadline = time.monotonic() + 60
    while not list(folder.rglob("last.ckpt")) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    run = running.only_run(folder)
    assert process.returncode == 130 and "Traceback" not in err
    assert err.splitlines()[-1] == (
        f"lora_sst2.py: interrupted. Go on with: {program('python')} "
        f"{running.ROOT / 'experiments' / 'lora_sst2.py'} --resume {run.name}"
    )
    assert running.recorded(run).state == "interrupted"
