"""Two processes that share each batch end as one process with the whole batch does."""

import pytest
import torch
from safetensors.torch import load_file

from tests.experiments import running


@pytest.mark.slow
@pytest.mark.parametrize(
    "script, strategy, more",
    [
        ("lora_sst2", "ddp", ""),
        ("full_sst2", "ddp", ""),
        (
            "full_sst2",
            "ddp_find_unused_parameters_true",
            "--trainer.callbacks+=LayerwiseUnfreezing --trainer.callbacks.every_steps=1",
        ),
    ],
    ids=["lora", "full", "unfreezing"],
)
def test_two_processes_train_as_one(script, strategy, more, folder, bert, session_cache):
    """The last batch is shared out unevenly, and two batches make a step: all rows weigh alike."""
    line = running.flags(bert, tracked=True)
    line = [*line, "--trainer.accumulate_grad_batches", "2", "--model.backbone_dropout", "0"]
    line += more.split()
    ended = {}
    for name, parts in {
        "one": ["--data.batch_size", "16"],
        "two": f"--data.batch_size 8 --trainer.devices 2 --trainer.strategy {strategy}".split(),
    }.items():
        words = [*line, *parts, "--output", name, "--model.task.dropout", "0"]
        process = running.start(words, folder, session_cache, script)
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, (out, err)
        (run,) = (folder / name / script).iterdir()
        (weights,) = (run / "export").glob("*model.safetensors")
        ended[name] = running.result(run), load_file(weights)
        assert len(list((run / "wandb").glob("offline-run-*"))) == 1
    (one, weights), (two, others) = ended.values()
    assert one["data"]["rows"]["train"] % 2 == 1
    assert one["metrics"] == pytest.approx(two["metrics"], rel=1e-5)
    for name, value in weights.items():
        if not name.endswith("key.bias"):  # its gradient is 0: Adam makes steps of the rounding
            torch.testing.assert_close(value, others[name], rtol=1e-3, atol=1e-5)
