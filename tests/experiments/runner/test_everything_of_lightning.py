"""Every callback and Trainer flag of Lightning's is applied, refused with a reason, or recorded.

A callback or flag that a later Lightning adds fails here until `effects.py` says what it does.
"""

import csv
import inspect
import re

import pytest
from lightning.pytorch import Trainer, callbacks
from torch import nn

from callbacks import DiscriminativeLearningRates, StepSeed
from experiments.runner import unusable
from tests.experiments.runner.effects import CALLBACKS, FLAGS
from tests.experiments.running import config, result

_PLAIN: list = []
REFUSED = [e for e in (*CALLBACKS.values(), *FLAGS.values()) if e.weights == "refused"]
RUNS = {
    name: effect
    for table in (CALLBACKS, FLAGS)
    for name, effect in table.items()
    if effect.weights != "refused"
}


def test_the_table_has_everything():
    flags = set(inspect.signature(Trainer.__init__).parameters) - {"self"}
    assert set(CALLBACKS) == set(callbacks.__all__)
    assert set(FLAGS) == flags


@pytest.mark.slow
@pytest.mark.parametrize("effect", REFUSED, ids=lambda effect: effect.words)
def test_it_is_refused_in_one_line(effect, experiment):
    ended = experiment(*effect.words.split())
    assert ended.code == 2, ended
    assert len(ended.err.strip().splitlines()) == 1 and not ended.outputs.exists()
    assert ended.err.startswith("lora_sst2.py: error: --trainer.")
    assert re.search(effect.shows, ended.err), ended.err


class Measured:
    """Weights, learning rates, screens, files and record of a run."""

    def __init__(self, ended, folder) -> None:
        self.ended, self.run = ended, ended.run
        exported = self.run / "export" / "adapter_model.safetensors"
        self.weights = exported.read_bytes() if exported.exists() else None
        logs = list(folder.rglob("metrics.csv"))
        rows = [row for log in logs for row in csv.DictReader(log.open())]
        self.rates = [row["learning_rate/decay"] for row in rows if row.get("learning_rate/decay")]
        files = [str(path.relative_to(folder)) for path in folder.rglob("*")]
        columns = {column for row in rows for column in row}
        self.told = "\n".join([ended.out, ended.err, *files, *columns])


@pytest.fixture
def measured(experiment, folder):
    """Run the experiment with flags in a folder of its own, with its rates in a CSV file."""

    def call(words: str, name: str) -> Measured:
        logged = f"--trainer.logger CSVLogger --trainer.logger.save_dir={name}/csv"
        ended = experiment(*f"{logged} --output {name}/runs {words}".split())
        return Measured(ended._replace(outputs=folder / name / "runs"), folder / name)

    return call


@pytest.fixture
def plain(measured):
    """The run without further flags, which is made once."""
    if not _PLAIN:
        _PLAIN.append(measured("", "plain"))
    return _PLAIN[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_it_does_what_the_table_says(name, measured, plain):
    effect = RUNS[name]
    one = measured(effect.words, "one")
    assert re.search(effect.shows, one.told, re.S), one.ended
    if effect.weights == "stopped":
        assert one.ended.code in (2, 124) and "Traceback" not in one.ended.err, one.ended
        assert not (one.run / "result.json").exists()
        return
    assert one.ended.code == 0, one.ended
    assert (one.weights == plain.weights) == (effect.weights == "same"), one.ended
    if effect.weights == "same" and name not in ("log_every_n_steps",):
        assert one.rates == plain.rates
    if effect.against:
        other = measured(effect.against, "other")
        assert (one.weights == other.weights) == (name != "gradient_clip_algorithm")
        assert one.rates == other.rates
    recorded = str(result(one.run)["config"]) + str(result(one.run)["found"])
    assert name in recorded
    best = one.run / "checkpoints" / "best.ckpt"
    assert best.exists() == ("val/accuracy" in result(one.run)["metrics"])


@pytest.mark.slow
def test_a_found_rate_holds_for_the_whole_run_and_in_every_record(measured, experiment):
    words = "--trainer.callbacks+=LearningRateFinder --trainer.callbacks.min_lr=1e-4"
    one = measured(words, "one")
    found = result(one.run)["found"]["LearningRateFinder"]["value"]
    given = measured(f"--model.learning_rate {found}", "given")
    assert one.weights == given.weights and one.rates == given.rates
    for run in (one.run, given.run):
        assert config(run)["model"]["init_args"]["learning_rate"] == found
        assert result(run)["config"]["model"]["learning_rate"] == found
        assert not config(run)["trainer"]["callbacks"]
    assert max(map(float, one.rates)) == pytest.approx(found)
    assert f"--model.learning_rate {found} by LearningRateFinder" in one.ended.out


@pytest.mark.parametrize(
    ("callback", "reason"),
    [
        (callbacks.Callback(), "does nothing by itself"),
        (callbacks.LambdaCallback(), "does nothing by itself"),
        (callbacks.BaseFinetuning(), "does nothing by itself"),
        (callbacks.StochasticWeightAveraging(0.1), "EMAWeightAveraging"),
        (callbacks.Timer(), "without a duration"),
        (callbacks.ModelCheckpoint(save_last=True), "checkpoints/last.ckpt"),
        (StepSeed(0), "every run has it already"),
    ],
)
def test_a_callback_without_effect_is_refused(callback, reason):
    with pytest.raises(ValueError, match=reason) as refused:
        unusable.check(_settings(callback), [StepSeed(1)], nn.Linear(1, 1))
    assert f"--trainer.callbacks {type(callback).__name__}: " in str(refused.value)


@pytest.mark.parametrize(
    "callback",
    [
        callbacks.LambdaCallback(on_fit_start=print),
        callbacks.Timer("00:00:00:01"),
        callbacks.LearningRateMonitor(),
        DiscriminativeLearningRates(0.9),
    ],
)
def test_a_callback_with_an_effect_is_not(callback):
    unusable.check(_settings(callback), [StepSeed(1), callbacks.LearningRateMonitor()], nn.Module())


def _settings(callback: callbacks.Callback) -> dict:
    parameters = inspect.signature(Trainer.__init__).parameters.values()
    known = {one.name: one.default for one in parameters if one.name != "self"}
    return {**known, "callbacks": [callback], "logger": [], "use_distributed_sampler": False}
