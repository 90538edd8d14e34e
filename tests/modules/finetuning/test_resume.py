"""A run that was killed goes on to the very numbers of the run that was not."""

import functools
import time

import pytest
import torch

from callbacks import LastCheckpoint, ThroughputMonitor
from modules import FullFineTuning, LoRA, PrefixTuning
from tests import tiny
from tests.resuming import Copies


def run(strategy, backbone, reviews, folder, seconds, resume=None, workers=0, **settings):
    # Other random weights at first: all that trains has to come from the checkpoint.
    module = tiny.make(strategy, backbone, seed=1 if resume else 0, backbone_dropout=0.2)
    data = tiny.read(reviews, backbone, batch_size=8, workers=workers)
    last, cost = LastCheckpoint(folder, seconds=seconds), ThroughputMonitor()
    copies = Copies(last, folder)
    done = tiny.fit(module, data, cost, last, copies, resume=resume, **settings)
    return module, done.logger, cost, copies.files


def curves(log: tiny.Memory, at_least: int = 0) -> dict[str, list]:
    names = ("train/loss", "train/accuracy", "val/loss", "val/accuracy")
    return {name: [pair for pair in log.values(name) if pair[0] >= at_least] for name in names}


def assert_same_from_every_step(
    strategy, backbone, reviews, folder, saved=range(1, 7), only=None, **settings
):
    began = time.perf_counter()
    unbroken, log, cost, _ = run(strategy, backbone, reviews, folder, 1e9, **settings)
    weights, tokens, whole = tiny.trained(unbroken), cost.tokens, log
    assert whole.values("train/loss")
    *_, files = run(strategy, backbone, reviews, folder, 0, **settings)
    assert sorted(files) == list(saved)
    for step, file in files.items() if only is None else ((n, files[n]) for n in only):
        again = folder / f"from-{step}"
        resumed, log, cost, _ = run(strategy, backbone, reviews, again, 1e9, file, **settings)
        for name, value in tiny.trained(resumed).items():
            assert torch.equal(value, weights[name]), (step, name)
        assert curves(log) == curves(whole, step), step
        assert cost.tokens == tokens, step
        assert 0 < cost.seconds < time.perf_counter() - began, step  # both parts, each once


STEPS = [
    pytest.param((3, 5), id="an epoch's end and the middle of the next"),
    pytest.param(None, marks=pytest.mark.slow, id="every step"),
]


@pytest.mark.quick_if(lambda case: case["strategy"] in (FullFineTuning, LoRA, PrefixTuning))
@pytest.mark.parametrize("only", STEPS)
@pytest.mark.parametrize("strategy", tiny.STRATEGIES)
def test_resumed_at_any_step_it_ends_as_the_unbroken_run(
    strategy, backbone, reviews, tmp_path, only
):
    assert_same_from_every_step(strategy, backbone, reviews, tmp_path, only=only)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "saved"),
    [
        ({"limit_train_batches": 2}, [1, 2, 3, 4]),
        ({"accumulate_grad_batches": 2}, [1, 2, 3, 4]),
        ({"val_check_interval": 1}, [1, 2, 3, 4, 5, 6]),
        ({"check_val_every_n_epoch": 2}, [1, 2, 4, 5, 6]),
        ({"limit_val_batches": 0}, [1, 2, 4, 5]),
        ({"workers": 2}, [1, 2, 3, 4, 5, 6]),
        ({"precision": "bf16-mixed"}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_resumed_under_other_flags(settings, saved, bert, reviews, tmp_path):
    assert_same_from_every_step(LoRA, bert, reviews, tmp_path, saved, **settings)


@pytest.mark.parametrize(("bits", "precision"), [("8bit", "32-true"), ("4bit", "bf16-mixed")])
def test_resumed_with_quantised_matrices(bits, precision, bert, reviews, tmp_path):
    pytest.importorskip("bitsandbytes")
    strategy = functools.partial(LoRA, quantize=bits)
    assert_same_from_every_step(strategy, bert, reviews, tmp_path, only=(3, 5), precision=precision)
