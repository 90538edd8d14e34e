"""The same curve in bf16 as in fp32, and on a GPU, where there is one, as on the CPU."""

import pytest
import torch

from callbacks import StepSeed
from modules import CausalLM, Classification, LoRA
from tests import stories, tiny

WAYS = [("cpu", "bf16-mixed", 0.02), ("gpu", "32-true", 1e-3), ("gpu", "bf16-mixed", 0.02)]


@pytest.fixture(params=WAYS, ids=lambda way: " ".join(way[:2]))
def way(request):
    if request.param[0] == "gpu" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    return request.param


def curve(module, data, accelerator: str, precision: str) -> torch.Tensor:
    logger, settings = tiny.Memory(), {"precision": precision, "accelerator": accelerator}
    tiny.trainer([StepSeed(5)], logger=logger, **settings).fit(module, data)
    return torch.tensor([value for _, value in logger.values("train/loss")])


def test_pretraining(way, tmp_path):
    accelerator, precision, near = way
    path, found = stories.write(tmp_path / "corpus"), []
    for where in (("cpu", "32-true"), (accelerator, precision)):
        data = stories.corpus(path, CausalLM, batch_size=16, row_tokens=16)
        module = stories.make(CausalLM, path, row_tokens=16)
        found.append(curve(module, data, *where))
    assert len(found[0]) > 10
    assert found[0][-1] < 0.9 * found[0][0]
    torch.testing.assert_close(found[1], found[0], rtol=near, atol=0)


def test_fine_tuning(way, bert, reviews):
    accelerator, precision, near = way
    found = []
    for where in (("cpu", "32-true"), (accelerator, precision)):
        task = Classification(labels=["negative", "positive"])
        module = tiny.make(LoRA, bert, task=task, learning_rate=1e-2)
        found.append(curve(module, tiny.read(reviews, bert, batch_size=8), *where))
    assert found[0][-1] < 0.9 * found[0][0]
    torch.testing.assert_close(found[1], found[0], rtol=near, atol=near)
