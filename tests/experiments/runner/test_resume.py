"""A run that is gone on with: what fits it, what it trains and where it may lie."""

import re
import warnings
from pathlib import Path

import pytest

from experiments.common import files
from tests.experiments.running import finished, result


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
    assert f"error: --resume {name}: --model.rank was 5 and is 8" in line
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
