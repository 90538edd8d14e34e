"""A run from its flags to its result: what is on disk, on the screen and in the record."""

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
import yaml

from experiments.common import files
from experiments.tracking.keys import STEP
from tests.experiments import running
from tests.experiments.running import ROOT, config, result

KEYS = [
    *("metrics", "config", "data", "inputs", "outputs", "parameters"),
    *("tokens", "tokens_per_second", "mfu"),
    *("peak_memory_bytes", "checkpoint_bytes", "seconds", "training_seconds"),
    *("seconds_to_first_step", "git_commit", "wandb"),
]


def finished(ended):
    assert ended.code == 0, ended
    return ended


def test_folder_result_and_screens(experiment):
    ended = finished(experiment(tracked=True))
    run, found = ended.run, result(ended.run)
    files = {str(path.relative_to(run)) for path in run.iterdir()}
    assert files == {"config.yaml", "run.json", "checkpoints", "export", "result.json", "wandb"}
    assert {p.name for p in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert sorted(found) == sorted(KEYS)
    assert {"val/accuracy", "test/accuracy", "test/loss"} <= set(found["metrics"])
    assert found["config"]["model"]["rank"] == 4 and "resume" not in found["config"]
    assert found["data"]["source"] == "files" and len(found["data"]["fingerprint"]) == 16
    assert found["parameters"]["trainable"] < found["parameters"]["total"]
    assert 0 < found["seconds_to_first_step"] < found["seconds"]
    assert 0 < found["training_seconds"] < found["seconds"] and found["mfu"] is None
    assert found["tokens"] == 2 * found["data"]["tokens"]["train"]  # of two epochs
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert found["git_commit"].removesuffix("-dirty") == commit.stdout.strip()
    assert Path(found["wandb"]).is_dir() and found["wandb"].startswith("outputs/")

    first = ended.out.splitlines()[:5]
    assert first[0].startswith("note   my.csv was split by text hash: ")
    assert first[1].startswith("data   files: my.csv (") and first[2].startswith("model  LoRA on ")
    assert first[3] == f"run    {run.relative_to(Path.cwd())}"
    assert first[4].startswith("track  W&B offline")
    last = ended.out.splitlines()[5:]
    assert len(last) <= 16 and str(Path.cwd()) not in "".join(last)
    assert f"test/accuracy  {found['metrics']['test/accuracy']:.4f} ± " in ended.out
    lines = ended.err.splitlines()  # nothing but the run's own progress
    assert lines and all(line.startswith("epoch ") for line in lines), ended.err
    assert "loss" in lines[0] and "accuracy" in lines[0] and "tok/s" in lines[0]
    assert "val/accuracy" in lines[-1]

    look = next(line.split(": ", 1)[1].split() for line in last if line.startswith("values:"))
    shown = subprocess.run(
        [sys.executable, "-m", "wandb", *look[1:], "--json"], capture_output=True, text=True
    )
    assert json.loads(shown.stdout)["summary"]["test/accuracy"] == found["metrics"]["test/accuracy"]


def test_record(experiment):
    ended = finished(experiment("--model.rank", 3, "--tracking.tags+=mine", tracked=True))
    record, found = running.recorded(ended.run), result(ended.run)
    own = {key: record.config[key] for key in found["config"]}
    assert own == found["config"] and own["model"]["rank"] == 3
    assert record.config["dataset"] == found["data"]
    assert record.config["parameters"] == found["parameters"]
    assert record.config["git_commit"] == found["git_commit"]
    assert {"mine", "data:files"} <= set(record.facts["tags"]) and record.state == "finished"
    trained = [row for row in record.history if "train/loss" in row]
    assert [row[STEP] for row in trained] == list(range(len(trained)))
    assert all("train/accuracy" in row for row in trained)
    assert any(row.get("learning_rate/decay", 0) > 0 for row in record.history)
    scores = [row["val/accuracy"] for row in record.history if "val/accuracy" in row]
    assert len(scores) == 2 and record.summary["val/accuracy"]["max"] == max(scores)
    for key, value in found["metrics"].items():
        if key.startswith("test/"):
            assert record.summary[key] == value
    (table,) = (ended.run / "wandb").glob("offline-run-*/files/media/table/test/*.json")
    assert json.loads(table.read_text())["columns"][:3] == ["text", "label", "prediction"]


def test_config_of_a_run_makes_it_again(experiment):
    first = finished(experiment("--model.rank", 2, "--data.batch_tokens", 256))
    line = ["--config", first.run / "config.yaml", "--output", "again"]
    finished(experiment(*line, bare=True))
    (again,) = Path("again/lora_sst2").iterdir()
    assert result(again)["metrics"] == result(first.run)["metrics"]
    shown = experiment("--model.rank", 2, "--data.batch_tokens", 256, "--print_config")
    printed, saved = yaml.safe_load(shown.out), config(first.run)
    assert printed["model"]["init_args"]["rank"] == 2 and shown.code == 0
    assert saved["model"]["init_args"] | {"task": 0} == printed["model"]["init_args"] | {"task": 0}


@pytest.mark.parametrize(
    "words",
    [
        "--model FullFineTuning",
        "--model LoRA --model.targets attention",
        "--model.task.pooling mean",
        "--data IMDb --data.source my.csv --data.max_length 8",
        "--trainer.callbacks+=EarlyStopping --trainer.callbacks.monitor=val/loss",
        "--trainer.logger CSVLogger --trainer.logger.save_dir csv",
        "--trainer.callbacks+=TQDMProgressBar",
    ],
)
def test_swaps(experiment, words):
    ended = finished(experiment(*words.split(), "--trainer.max_epochs", 1))
    found = result(ended.run)
    asked = [word.split("=")[-1] for word in words.split() if not word.startswith("--")]
    assert all(f"'{word}'" in str(found["config"]) or word == "8" for word in asked), asked
    if "max_length" in words:
        assert found["data"]["cut_to_max_length"]["train"] > 0
        cut = found["data"]["cut_to_max_length"]["train"]
        rows = found["data"]["rows"]["train"]
        assert f"note   {cut} of {rows} train rows were cut at 8 tokens" in ended.out
    if "EarlyStopping" in words:
        held = torch.load(ended.run / "checkpoints" / "last.ckpt", weights_only=True)
        assert any("EarlyStopping" in key for key in held["callbacks"])
    if "CSVLogger" in words:
        (table,) = Path("csv").rglob("metrics.csv")
        assert "train/loss" in table.read_text().splitlines()[0]


@pytest.mark.parametrize("flag", ["enable_progress_bar", "enable_checkpointing"])
def test_what_the_trainer_is_told_to_leave_out(experiment, flag):
    ended = finished(experiment(f"--trainer.{flag}", "false", "--trainer.log_every_n_steps", 0))
    files = {file.name for file in (ended.run / "checkpoints").iterdir()}
    assert files == (set() if flag == "enable_checkpointing" else {"best.ckpt", "last.ckpt"})
    assert ("epoch 1/2" in ended.err) == (flag == "enable_checkpointing")


@pytest.mark.parametrize(
    ("words", "tested"),
    [
        ("--trainer.max_steps 2 --data.batch_tokens 64", True),
        ("--trainer.limit_val_batches 0", True),
        ("--trainer.fast_dev_run true", True),
        ("--trainer.limit_test_batches 0", False),
    ],
)
def test_no_validation_or_no_test(experiment, words, tested):
    ended = finished(experiment(*words.split(), "--trainer.check_val_every_n_epoch", 9))
    found = result(ended.run)
    assert ("test/accuracy" in found["metrics"]) == tested
    assert "val/accuracy" not in found["metrics"]
    assert "no validation chose a checkpoint: these are the last weights" in ended.out
    assert (ended.run / "export" / "adapter_config.json").exists()
    assert "Traceback" not in ended.err and "Warning" not in ended.err, ended.err


def test_loss_that_is_no_number(experiment):
    ended = experiment("--model.learning_rate", 1e30, "--model.warmup_ratio", 0, tracked=True)
    assert ended.code == 2
    line = ended.err.splitlines()[-1]
    assert line.startswith("lora_sst2.py: error: the loss is no longer a finite number at step ")
    assert (
        re.search(r"\(learning rate \d\S*e\+\d+\): lower --model.learning_rate", line)
        and "traceback" not in line
    )
    assert running.recorded(ended.run).state == "failed"
    for file in (ended.run / "checkpoints").iterdir():
        held = torch.load(file, weights_only=True)["state_dict"].values()
        assert all(value.isfinite().all() for value in held)
    assert not (ended.run / "result.json").exists() and not (ended.run / "export").exists()


def full_disk(*_, **__):
    raise OSError(28, "No space left on device")


STARTED = {"config.yaml", "run.json"}
WHOLE = {"config.yaml": yaml.safe_load, "run.json": json.loads, "result.json": json.loads}


def whole(run: Path) -> set[str]:
    """Names of what a run wrote; all of it can be read."""
    names = {path.name for path in run.rglob("*") if path.is_file() and "wandb" not in path.parts}
    for name in names & set(WHOLE):
        WHOLE[name]((run / name).read_text())
    for file in run.rglob("*.ckpt"):
        torch.load(file, weights_only=True)
    hidden = {path.name for path in run.rglob(".*")}
    assert not hidden, hidden
    return names


@pytest.mark.parametrize(("number", "left"), [(1, STARTED), (2, STARTED | {"best.ckpt"})])
def test_full_disk_at_a_checkpoint(experiment, monkeypatch, number, left):
    """The first file that is written is the best checkpoint, the second the last, and so on."""
    calls, write = [], Path.write_bytes

    def fill(path, content):
        calls.append(path.name)
        write(path, bytes(content)[:100])
        return full_disk() if len(calls) == number else write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fill)
        ended = experiment()
    assert len(calls) == number
    assert ended.code == 2
    line = ended.err.splitlines()[-1]
    assert line.startswith("lora_sst2.py: error: no space left to write outputs/lora_sst2/")
    assert line.endswith(f" --resume {ended.run.name}") and ".ckpt. " in line
    assert whole(ended.run) == left


@pytest.mark.parametrize("what", ["config.yaml", "export", "result.json"])
def test_full_disk_elsewhere(experiment, monkeypatch, what):
    with monkeypatch.context() as patch:
        if what == "export":
            patch.setattr("peft.PeftModel.save_pretrained", full_disk)
        else:
            write = Path.write_text

            def fill(path, text, *rest, **options):
                return (
                    full_disk() if path.name == f".{what}" else write(path, text, *rest, **options)
                )

            patch.setattr(Path, "write_text", fill)
        ended = experiment()
    assert ended.code == 2 and "error: no space left to write " in ended.err.splitlines()[-1]
    if what == "config.yaml":
        assert not list(ended.outputs.rglob("*config*"))
        return
    assert what not in whole(ended.run)
    after = finished(experiment("--resume", "last", bare=True))
    assert result(after.run)["metrics"] and (after.run / "export").is_dir()


def test_resume_refuses_what_does_not_fit(experiment):
    done = finished(experiment())
    name = done.run.name

    def said(*words):
        ended = experiment(*words, bare=True)
        assert ended.code == 2 and ended.err.count("\n") == 1 and ended.out == "", ended
        return ended.err

    assert f"--resume {name}: that run is finished, see outputs/" in said("--resume", name)
    (done.run / "result.json").unlink()
    line = said("--resume", name, "--model.rank", 8)
    assert f"--resume {name}: the checkpoint is of LoRA with " in line
    assert "LoRA" in said("--resume", name, "--model", "FullFineTuning")
    assert f"--resume {name}: --model.learning_rate was 0.001 and is 0.1" in said(
        "--resume", name, "--model.learning_rate", 0.1
    )
    assert "--data.batch_tokens was 512 and is 64" in said(
        "--resume", name, "--data.batch_tokens", 64
    )
    assert "--seed_everything was 0 and is 7" in said("--resume", name, "--seed_everything", 7)
    lock = files.lock(done.run)
    assert f"--resume {name}: that run is still going on" in said("--resume", name)
    assert "--resume last: no unfinished run" in said("--resume", "last")
    files.unlock(lock)
    last = done.run / "checkpoints" / "last.ckpt"
    content = last.read_bytes()
    last.write_bytes(content[: len(content) // 2])
    broken = f"--resume {name}: outputs/lora_sst2/{name}/checkpoints/last.ckpt cannot be read ("
    assert broken in said("--resume", "last")
    last.write_bytes(content)
    settings = done.run / "config.yaml"
    settings.write_text(settings.read_text()[:300] + "\n\tx: [")
    assert "config.yaml: not YAML, line " in said("--resume", name)
    settings.write_text("")
    assert "config.yaml: not a configuration" in said("--resume", name)


def test_resume_of_a_trained_run_only_tests(experiment):
    first = finished(experiment(tracked=True))
    before, held = result(first.run), (first.run / "checkpoints" / "last.ckpt").read_bytes()
    (first.run / "result.json").unlink()
    again = finished(experiment("--resume", "last", bare=True))
    assert re.search(r"note   going on after step \d+ \(epoch 2\)", again.out)
    after = result(again.run)
    assert after["metrics"] == before["metrics"] and after["seconds_to_first_step"] is None
    assert after["config"] == before["config"]
    assert (again.run / "checkpoints" / "last.ckpt").read_bytes() == held


@pytest.mark.slow
def test_resume_in_a_folder_that_was_moved(experiment):
    first = finished(experiment("--output", "here"))
    before = result(next(Path("here/lora_sst2").iterdir()))
    Path("here").rename("there")
    (run,) = Path("there/lora_sst2").iterdir()
    (run / "result.json").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        finished(experiment("--resume", run, bare=True))
    assert result(run)["metrics"] == before["metrics"] and first.code == 0


@pytest.mark.slow
def test_disk_that_is_really_full(folder, bert, session_cache):
    """A limit on the size of files stands in for the disk."""
    limit = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000,) * 2); "
    )
    limit += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    script = ROOT / "experiments" / "lora_sst2.py"
    words = running.flags(bert, "--model", "FullFineTuning")
    finished(
        subprocess_of(
            [sys.executable, script, *words, "--trainer.fast_dev_run", "true"],
            folder,
            session_cache,
        )
    )  # fills the caches
    done = subprocess_of(
        [sys.executable, "-c", limit, script, *words, "--output", "full"], folder, session_cache
    )
    assert done.code == 2 and "error: no space left to write full/lora_sst2/" in done.err, done
    assert "Traceback" not in done.err
    (run,) = (folder / "full" / "lora_sst2").iterdir()
    assert whole(run) <= STARTED | {"best.ckpt"}


def subprocess_of(command, folder, cache):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=running.environment(cache),
        capture_output=True,
        text=True,
    )
    from tests.experiments.conftest import Ended

    return Ended(done.returncode, done.stdout, done.stderr, folder / "outputs")
