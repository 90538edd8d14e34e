"""Two processes that share each batch end as one process with the whole batch does."""

import pytest
import torch
from safetensors.torch import load_file

from tests.experiments import running


@pytest.mark.slow
@pytest.mark.parametrize("script", ["lora_sst2", "full_sst2"])
def test_two_processes_train_as_one(script, folder, bert, session_cache):
    """The last batch is shared out unevenly, and two batches make a step: all rows weigh alike."""
    line = running.flags(bert, tracked=True)
    line = [*line, "--trainer.accumulate_grad_batches", "2", "--model.backbone_dropout", "0"]
    ended = {}
    for name, more in {
        "one": ["--data.batch_size", "16"],
        "two": "--data.batch_size 8 --trainer.devices 2 --trainer.strategy ddp".split(),
    }.items():
        words = [*line, *more, "--output", name, "--model.task.dropout", "0"]
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
