"""A run on a disk that is full: one line of error, and files that can be read."""

import json
from pathlib import Path

import pytest
import torch
import yaml

from tests.experiments import running
from tests.experiments.running import finished, result


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


@pytest.mark.parametrize(
    ("number", "left"), [(1, STARTED), (2, STARTED | {"best.ckpt", "validation.parquet"})]
)
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


@pytest.mark.slow
def test_disk_that_is_really_full(folder, bert, session_cache):
    """A limit on the size of files stands in for the disk."""
    words = running.flags(bert, "--model", "FullFineTuning")
    quick = [*words, "--trainer.fast_dev_run", "true"]  # fills the caches
    assert running.call(quick, folder, session_cache)[0] == 0
    limits = {"RLIMIT_FSIZE": 60_000}
    line = [*words, "--output", "full"]
    code, _, err = running.call(line, folder, session_cache, limits=limits)
    assert code == 2 and "error: no space left to write full/lora_sst2/" in err, err
    assert "Traceback" not in err
    (run,) = (folder / "full" / "lora_sst2").iterdir()
    assert whole(run) <= STARTED | {"best.ckpt", "validation.parquet"}
