"""--monitor and --validate_before: used, or refused in one line."""

import pytest

import modules
from tests.experiments.running import config, finished, result


@pytest.mark.slow
@pytest.mark.parametrize(("metric", "mode"), [("val/loss", "min"), ("val/f1", "max")])
def test_a_metric_chooses_the_best_checkpoint(metric, mode, experiment):
    ended = finished(experiment("--monitor", metric, "--model.learning_rate", 3e-2))
    found = result(ended.run)
    best = found["best"]
    assert (best["metric"], best["mode"]) == (metric, mode)
    shown = [float(line.split(f"{metric} ")[1].split()[0]) for line in _validations(ended)]
    chosen = min(shown) if mode == "min" else max(shown)
    assert best["value"] == pytest.approx(chosen, abs=1e-4) == found["metrics"][metric]
    assert best["epoch"] == shown.index(chosen) + 1
    assert f"best           epoch {best['epoch']}, step " in ended.out
    assert f", by {metric}\n" in ended.out and config(ended.run)["monitor"] == metric


def _validations(ended):
    return [line for line in ended.err.splitlines() if "val/loss" in line]


@pytest.mark.slow
def test_a_validation_before_training_changes_nothing_else(experiment):
    plain = finished(experiment("--output", "plain"))
    ended = finished(experiment("--validate_before", "true", "--output", "before", tracked=True))
    found, other = (result(next(one.outputs.parent.glob(f"{name}/*/*"))) for one, name in (
        (ended, "before"), (plain, "plain")
    ))  # fmt: skip
    assert found["metrics"] == other["metrics"] and other["before"] == {}
    assert set(found["before"]) == {"val/loss", "val/accuracy", "val/f1"}
    first = found["before"]["val/accuracy"]
    assert f"before         {first:.4f} val/accuracy before the first step" in ended.out
    from tests.experiments.running import recorded

    record = recorded(next(ended.outputs.parent.glob("before/*/*")))
    assert record.curves["val/accuracy"][0] == pytest.approx(first)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--monitor", "val/f2"],
            "--monitor val/f2: LoRA does not validate it; there are val/loss, val/accuracy, "
            "val/f1; did you mean val/f1?",
        ),
        (["--monitor", "accuracy"], "--monitor accuracy: LoRA does not validate it"),
        (["--monitor", "test/accuracy"], "there are val/loss, val/accuracy, val/f1"),
    ],
)
def test_a_metric_that_is_not_validated(words, said, experiment):
    ended = experiment(*words)
    assert ended.code == 2 and ended.err.count("\n") == 1 and said in ended.err, ended.err
    assert not ended.outputs.exists()


@pytest.mark.parametrize("flag", [["--monitor", "val/f1"], ["--validate_before", "true"]])
def test_a_module_that_trains_nothing(flag, experiment, llama):
    words = ["--model.backbone", llama, "--model.task.template", "{{ text }}"]
    ended = experiment(*words, *flag, model=modules.ZeroShot)
    assert ended.code == 2 and f"{flag[0]}" in ended.err and "trains nothing" in ended.err
