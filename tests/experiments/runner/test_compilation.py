"""--compile: what it does to a run, and when it is refused."""

import math
from types import SimpleNamespace

import pytest
import torch

from experiments.runner import compilation
from modules import compile_gain
from modules.compiling import Compiled
from modules.padding_free import PaddingFree
from tests.experiments.running import finished, result


@pytest.mark.parametrize(
    ("trainer", "expected"),
    [
        ({"max_epochs": 2}, 2 * 13),
        ({"max_epochs": 2, "max_steps": 5}, 5),
        ({"max_epochs": 2, "max_steps": 5, "accumulate_grad_batches": 3}, 15),
        ({"max_epochs": -1, "max_steps": 50}, 50),
        ({"max_epochs": 2, "limit_train_batches": 4}, 8),
        ({"max_epochs": 2, "limit_train_batches": 0.5}, 2 * 6),
        ({"max_epochs": 2, "world_size": 2}, 0),
    ],
)
@pytest.mark.parametrize("size", [8, None])
def test_the_batches_of_a_run(trainer, expected, size, monkeypatch):
    plain = {"max_steps": -1, "accumulate_grad_batches": 1, "world_size": 1}
    plain |= {
        "limit_train_batches": 1.0,
        "strategy": SimpleNamespace(root_device=torch.device("cpu")),
    }
    seen = []
    monkeypatch.setattr(Compiled, "decide", lambda self, *given: seen.append(given) or "a line")
    data, model = SimpleNamespace(batch_size=size, row_tokens=16), SimpleNamespace(trains=True)
    run = SimpleNamespace(**{**plain, **trainer})
    assert compilation.decide(Compiled("auto"), run, model, data, {"train": 100}) == ["a line"]
    _, device, batches, tokens = seen[0]
    assert batches == (expected if size else 0) and tokens == (8 * 16 if size else 0)
    assert device.type == "cpu" and not math.isnan(batches)


def test_true_is_refused_in_one_line_where_there_is_no_compiler(experiment, monkeypatch):
    monkeypatch.setattr(compile_gain, "obstacle", lambda device: "there is no compiler g++")
    ended = experiment("--compile", "true")
    said = "lora_sst2.py: error: --compile true: there is no compiler g++; or leave the flag out\n"
    assert ended.code == 2 and ended.err.endswith(said) and not ended.outputs.exists()


def test_batches_without_padding_are_not_compiled(experiment):
    compiled = Compiled("auto")
    compilation.check_shapes(compiled, PaddingFree(enabled=False))
    assert compiled.choice == "auto"
    compilation.check_shapes(compiled, PaddingFree())
    assert compiled.choice is False
    ended = experiment("--compile", "true", "--padding_free", "true")
    assert ended.code == 2 and not ended.outputs.exists()
    assert "error: --compile true: not with --padding_free true" in ended.err.splitlines()[-1]


RUNS = [("--compile", "true"), ("--gradient_checkpointing", "true"), ("--padding_free", "true")]


@pytest.mark.slow
@pytest.mark.parametrize("words", RUNS)
def test_a_run_with_it_ends_well(words, experiment):
    if "--compile" in words and compile_gain.obstacle(torch.device("cpu")):
        pytest.skip("there is no compiler")
    before = finished(experiment()).run
    (run,) = {*finished(experiment(*words)).outputs.glob("*/*")} - {before}
    found, plain = result(run), result(before)
    name = words[0].removeprefix("--")
    assert found["config"][name] is True and plain["config"][name] in (False, "auto")
    for metric, value in plain["metrics"].items():
        assert found["metrics"][metric] == pytest.approx(value, abs=0.05), metric
    assert plain["compiled"] == {"shapes": 0, "reason": ""}
    if name == "compile":
        assert found["compiled"]["reason"].startswith(("compiled: as asked for", "not compiled: "))
