"""Runs with callbacks of Lightning's that are interrupted in an epoch end as unbroken ones do."""

import json

import pytest

from tests.experiments.running import config, finished, result

CALLBACKS = {
    "accumulation": "--trainer.callbacks+=GradientAccumulationScheduler "
    '--trainer.callbacks.scheduling={"0":3,"1":1}',
    "spikes": "--trainer.callbacks+=SpikeDetection --trainer.callbacks.rtol=1e6",
    "average": "--trainer.callbacks+=WeightAveraging",
    "found": "--trainer.callbacks+=LearningRateFinder --trainer.callbacks.min_lr=1e-4 "
    "--trainer.callbacks.num_training_steps=60",
}
STOP = "--trainer.callbacks+=tests.experiments.signalling.SignalAt --trainer.callbacks.number=2 "


def weights(run) -> bytes:
    return (run / "export" / "adapter_model.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLBACKS)
def test_a_run_that_is_interrupted_in_an_epoch_ends_as_an_unbroken_one(name, experiment):
    stop = f"{STOP} --trainer.callbacks.places=train_batch_start:1 --checkpoint_seconds 0"
    words = f"{CALLBACKS[name]} --data.batch_size 12".split()
    broken = experiment(*words, *stop.split())
    assert broken.code == 130, broken
    again = finished(experiment("--resume", broken.run.name, bare=True))
    whole = finished(experiment(*words, "--output", "whole"))
    (other,) = whole.outputs.parent.glob("whole/*/*")
    assert weights(again.run) == weights(other)
    assert result(again.run)["found"] == result(other)["found"]
    if name == "found":
        value = result(other)["found"]["LearningRateFinder"]["value"]
        assert f"found          --model.learning_rate {value}" in again.out
        assert config(again.run)["model"]["init_args"]["learning_rate"] == value
        curve = json.loads((other / "search.json").read_text())["LearningRateFinder"]
        assert len(curve["tried"]) == len(curve["loss"]) > 10
        (again.run / "result.json").unlink()
        twice = experiment("--resume", again.run.name, *CALLBACKS[name].split(), bare=True)
        assert twice.code == 2 and "a resumed run keeps its flags" in twice.err
