"""The time of a batch by part: the parts add up, and the training is the same as without it."""

import gzip
import json
import re
import time

import pytest
import torch
from lightning.pytorch.profilers import SimpleProfiler

from callbacks import StepProfile
from callbacks.step_clock import PARTS
from modules import FullFineTuning, MaskedLM
from tests import stories, tiny


@pytest.fixture
def path(tmp_path) -> str:
    return stories.write(tmp_path / "stories")


def trained(path, *callbacks, **settings):
    data = stories.corpus(path, MaskedLM, batch_size=8)
    module = stories.make(MaskedLM, path)
    settings = {"max_epochs": 1, "limit_train_batches": 6, **settings}
    return module, tiny.fit(module, data, *callbacks, **settings)


def test_table_and_trace(path, tmp_path, capsys):
    inner = SimpleProfiler()
    profile = StepProfile(batches=3, skip=1, traced=1, folder=str(tmp_path / "out"))
    module, trainer = trained(path, profile, profiler=inner)
    plain, _ = trained(path)
    ends = tiny.trained(plain)
    assert all(torch.equal(value, ends[name]) for name, value in tiny.trained(module).items())
    # The Trainer and the module are as they were, and the user's profiler has seen all batches.
    assert trainer.profiler is inner and not {"log", "log_dict", "corrupt"} & vars(module).keys()
    assert len(inner.recorded_durations["run_training_batch"]) == 6

    said = (tmp_path / "out" / "step-profile.txt").read_text()
    assert said.strip() in capsys.readouterr().out
    assert said.startswith("time of a batch by part, mean of 3\n")
    shares = dict(re.findall(r"^  (\w+) +\S+ +(\S+) %", said.partition("\n\n")[0], re.M))
    assert {"data", "corrupt", "forward", "backward", "optimizer", "logging"} <= shares.keys()
    assert list(shares) == [*[part for part in PARTS if part in shares], "all"]
    assert sum(float(s) for part, s in shares.items() if part != "all") == pytest.approx(100, abs=1)
    assert "operations by time on the processor, of 1 traced batches" in said

    with gzip.open(tmp_path / "out" / "step-trace.json.gz") as file:
        names = {event.get("name") for event in json.load(file)["traceEvents"]}
    assert {"corrupt", "forward", "backward", "optimizer"} <= names and "aten::mm" in names
    assert [file.name for file in profile.files] == ["step-trace.json.gz", "step-profile.txt"]


@pytest.mark.slow
def test_a_slow_part_is_found_and_validation_is_not_counted(bert, reviews, tmp_path, monkeypatch):
    module, rest = tiny.make(FullFineTuning, bert), 0.02
    step, check = module._step, []

    def slow(batch, stage):
        time.sleep(rest if stage == "train" else 10 * rest)
        check.append(stage)
        return step(batch, stage)

    monkeypatch.setattr(module, "_step", slow)
    profile = StepProfile(batches=3, skip=0, traced=0, folder=str(tmp_path))
    data = tiny.read(reviews, bert, batch_size=8)
    tiny.fit(module, data, profile, max_epochs=1, val_check_interval=1, limit_val_batches=1)
    seconds, processor = map(sum, zip(*profile._clock.seconds.values(), strict=True))
    assert "val" in check and profile._clock.batches == 3
    forward, spent = profile._clock.seconds["forward"]
    assert 3 * rest <= forward and forward - spent > 2 * rest  # sleep takes no processor
    assert seconds < forward + 30 * rest and processor < seconds + 1
    assert not (tmp_path / "step-trace.json.gz").exists()


@pytest.mark.slow
def test_an_error_or_a_short_training_leaves_nothing_behind(path, tmp_path, monkeypatch):
    profile = StepProfile(skip=1, traced=2, folder=str(tmp_path))
    module, trainer = trained(path, profile, limit_train_batches=2)
    said = "StepProfile: 2 batches were trained, and it measures from batch 4 on: a lower skip"
    assert (tmp_path / "step-profile.txt").read_text().startswith(said)

    data, module = stories.corpus(path, MaskedLM, batch_size=8), stories.make(MaskedLM, path)
    monkeypatch.setattr(module, "on_before_optimizer_step", lambda optimizer: 1 / 0)
    trainer = tiny.trainer([profile])
    plain = trainer.profiler
    with pytest.raises(ZeroDivisionError):
        trainer.fit(module, data)
    assert trainer.profiler is plain and "log" not in vars(module)


@pytest.mark.parametrize("wrong", [{"batches": 0}, {"skip": -1}, {"traced": -1}])
def test_numbers_out_of_range(wrong):
    with pytest.raises(ValueError, match="does not conform"):
        StepProfile(**wrong)
