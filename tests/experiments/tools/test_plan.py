"""plan.py: counts against closed forms and a real network, time against published runs."""

import argparse

import pytest
import torch
import transformers

from callbacks.mfu import PEAKS
from experiments.tools import cost_model, plan
from modules.pretraining import architectures


@pytest.fixture(scope="module")
def gpt2() -> cost_model.Network:
    rates = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    return cost_model.count(transformers.GPT2Config(**rates), 1024)


def asked(**changes) -> argparse.Namespace:
    usual = {
        "size": "tiny",
        "family": "gpt2",
        "vocabulary": 1000,
        "row_tokens": 64,
        "tokens": 1e9,
        "scored": 1.0,
        "gpu": "h100",
        "devices": 8,
        "sharded": False,
        "mfu": None,
        "price": None,
    }
    return argparse.Namespace(**(usual | changes))


def test_arithmetic_is_the_closed_form(gpt2):
    layers, width, tokens, words = 12, 768, 1024, 50257
    weights = layers * 12 * width**2
    assert gpt2.trunk_flops == 6 * weights + 12 * layers * width * tokens
    assert gpt2.head_flops == 6 * words * width
    assert gpt2.parameters == 124_439_808
    assert gpt2.flops(0.15) == gpt2.trunk_flops + 0.15 * gpt2.head_flops


def test_what_is_kept_is_what_a_real_network_keeps():
    config = transformers.GPT2Config(n_layer=2, n_embd=64, n_head=2, vocab_size=100)
    model = transformers.AutoModel.from_config(config, attn_implementation="sdpa").train()
    own = {p.untyped_storage()._cdata for p in model.parameters()}
    kept = {}

    def keep(tensor):
        if (key := tensor.untyped_storage()._cdata) not in own:
            kept[key] = tensor
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with torch.autocast("cpu", torch.bfloat16), hooks:
        model(input_ids=torch.zeros(1, 32, dtype=torch.long)).last_hidden_state.sum()
    held = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    assert cost_model.count(config, 32).saved_bytes * 32 == pytest.approx(held, rel=0.02)


# By hand: 6 FLOPs per token and weight of a matrix, and 12 * layers * width * tokens of attention.
GPT2_124M = 6 * (12 * 12 * 768**2 + 50257 * 768) + 12 * 12 * 768 * 1024
# (device, how many, tokens, seconds) of the published runs, and their share of the peak by hand.
RUNS = {
    ("H100", 8, 10e9, 45 * 60): GPT2_124M * 10e9 / (8 * 989e12 * 2700),
    ("A100", 8, 600_000 * 491_520, 4 * 86400): GPT2_124M * 2.949e11 / (8 * 312e12 * 345_600),
}


@pytest.mark.parametrize(("run", "share"), RUNS.items(), ids=["H100", "A100"])
def test_published_runs_come_out(gpt2, run, share):
    device, count, tokens, seconds = run
    assert gpt2.flops() == pytest.approx(GPT2_124M, rel=1e-3)
    assert pytest.approx(GPT2_124M, rel=1e-3) == plan.GPT2_FLOPS
    found = plan.implied_mfu(count, tokens, seconds / 3600, 1e12 * PEAKS[device])
    assert found == pytest.approx(share, rel=2e-3)
    (line,) = [line for line in plan._published(PEAKS) if f"{count} × {device}" in line]
    assert f"{tokens:.3g} tokens" in line and f" {100 * share:.0f} % " in line


def test_published_shares_are_those_that_were_told():
    """Of nanoGPT's run and of the quoted one of llm.c: 29 % and 40 % of the peak."""
    assert [round(share, 2) for share in RUNS.values()] == [0.40, 0.29]
    assert len(RUNS) == len(plan.PUBLISHED)


def test_time_is_arithmetic_over_what_the_devices_do():
    assert cost_model.hours(1e9, 3.6e12, 1e12, 0.5, 2) == pytest.approx(1e6)


def test_sharing_out_the_states_makes_room(gpt2):
    whole, shared = (cost_model.fixed_bytes(gpt2, 8, sharded) for sharded in (False, True))
    assert whole - shared == pytest.approx(cost_model.STATES * gpt2.parameters * 7 / 8)
    assert cost_model.rows_that_fit(gpt2, 80e9, shared, 1024) > cost_model.rows_that_fit(
        gpt2, 80e9, whole, 1024
    )
    assert cost_model.rows_that_fit(gpt2, 1e9, whole, 1024) == 0


def test_the_lines_say_what_is_measured_and_what_is_assumed():
    text = plan.plan(asked(price=2.0))
    assert "tokens/s per device at 40 % (assumed" in text and "8 × H100" in text and "cost" in text
    text = plan.plan(asked(mfu=0.2, gpu="RTX 4090", devices=1))
    assert "20 % (measured)" in text and "cost" not in text and "1 × RTX 4090" in text


@pytest.mark.slow
@pytest.mark.parametrize("family", architectures._FAMILIES)
def test_every_family_can_be_counted(family):
    assert "M parameters" in plan.plan(asked(family=family))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"gpu": "h10"}, "--gpu h10: there are .*did you mean h100"),
        ({"size": "tinny"}, "^--size tinny: .*did you mean tiny"),
        ({"family": "gpt3"}, "^--family gpt3: .*did you mean gpt2"),
        ({"mfu": 1.2}, "--mfu 1.2: above 0, at most 1"),
        ({"scored": 0.0}, "--scored 0.0: above 0"),
        ({"devices": 0}, "--devices 0: at least 1"),
        ({"row_tokens": 0}, "--row_tokens 0: at least 1"),
        ({"price": -1.0}, "--price -1.0: not negative"),
    ],
)
def test_bad_input(changes, line):
    with pytest.raises(ValueError, match=line):
        plan.plan(asked(**changes))
