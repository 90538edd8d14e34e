"""Parameter groups, the schedules' closed forms, and clipping."""

import math

import pytest
import torch
from torch import nn

from modules import FullFineTuning, MaskedLM, optimization
from tests import stories, tiny


def rates(schedule: str, warmup_ratio: float, steps: int) -> list[float]:
    weight = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=2.0)
    scheduler = optimization.lr_schedule(optimizer, schedule, warmup_ratio, steps)
    seen = []
    for _ in range(steps + 1):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


@pytest.mark.parametrize("warmup_ratio", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_schedules(schedule, warmup_ratio):
    steps, rise = 40, round(warmup_ratio * 40)
    falls = {
        "linear": lambda share: 1 - share,
        "cosine": lambda share: (1 + math.cos(math.pi * share)) / 2,
        "constant": lambda share: 1.0,
    }
    wanted = [
        2.0 * (step / rise if step < rise else falls[schedule]((step - rise) / (steps - rise)))
        for step in range(steps + 1)
    ]
    assert rates(schedule, warmup_ratio, steps) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(("warmup_ratio", "fall"), [(0.0, 8), (0.1, 8), (0.9, 4), (1.0, 0)])
def test_warmup_stable_decay(warmup_ratio, fall):
    """Up, level, and down to 0 over the last fifth, which a long rise shortens."""
    steps, rise = 40, round(warmup_ratio * 40)
    level = steps - fall
    wanted = [2.0 * min(1, step / rise if rise else 1) for step in range(level)]
    wanted += [2.0 * (steps - step) / fall for step in range(level, steps)]
    assert rates("wsd", warmup_ratio, steps)[:steps] == pytest.approx(wanted)
    assert fall == 0 or rates("wsd", warmup_ratio, steps)[steps] == 0


@pytest.mark.parametrize("cut", [0.0, 0.1, 0.5])
def test_slanted_triangle_of_ulmfit(cut):
    """Equation 3 of Howard & Ruder (2018), ratio 32."""
    steps = 40
    peak = int(steps * cut)
    wanted = []
    for t in range(steps + 1):
        share = t / peak if t < peak else 1 - (t - peak) / (steps - peak)
        wanted.append(2.0 * (1 + share * (32 - 1)) / 32)
    seen = rates("slanted_triangular", cut, steps)
    assert seen == pytest.approx(wanted)
    assert max(seen) == 2.0
    assert seen[-1] == pytest.approx(2.0 / 32)


def test_only_matrices_decay(backbone):
    module = tiny.make(FullFineTuning, backbone)
    decay, still = optimization.parameter_groups(module.model, 0.3)
    assert (decay["weight_decay"], still["weight_decay"]) == (0.3, 0.0)
    kept = {id(parameter) for parameter in still["params"]}
    for name, parameter in module.named_parameters():
        assert (id(parameter) in kept) == (parameter.ndim == 1), name
    assert len(decay["params"]) + len(kept) == len(list(module.parameters()))
    module.model.requires_grad_(False)
    assert optimization.parameter_groups(module.model, 0.3) == []


def test_vectors_of_two_dimensions_do_not_decay():
    """Shapes as XLNet, Mamba, GPT-OSS, peft and RWKV have them."""

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.r_w_bias, self.A_log = (
                nn.Parameter(torch.ones(2, 8)),
                nn.Parameter(torch.ones(8, 4)),
            )
            self.gate_up_proj_bias = nn.Parameter(torch.ones(4, 16))
            self.ia3_l, self.time_mix = (
                nn.Parameter(torch.ones(1, 8)),
                nn.Parameter(torch.ones(1, 1, 8)),
            )
            self.marked = nn.Parameter(torch.ones(3, 3))
            self.marked._no_weight_decay = True
            self.q, self.gate_up_proj = (
                nn.Parameter(torch.ones(8, 2, 4)),
                nn.Parameter(torch.ones(2, 4, 4)),
            )
            self.score, self.prompt_embeddings = nn.Linear(8, 1), nn.Embedding(1, 8)
            self.relative_attention_bias = nn.Embedding(4, 2)

    model = Odd()
    decay, still = optimization.parameter_groups(model, 0.3)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert {names[id(parameter)] for parameter in decay["params"]} == {
        "q", "gate_up_proj", "score.weight", "prompt_embeddings.weight",
        "relative_attention_bias.weight",
    }  # fmt: skip
    assert len(decay["params"]) + len(still["params"]) == len(names)


def test_a_run_follows_the_schedule(bert, reviews):
    module = tiny.make(
        FullFineTuning, bert, learning_rate=0.01, warmup_ratio=0.5, schedule="linear"
    )
    seen = []
    step = module.training_step

    def watched(batch, batch_idx):
        seen.append([group["lr"] for group in module.trainer.optimizers[0].param_groups])
        return step(batch, batch_idx)

    module.training_step = watched
    tiny.fit(module, tiny.read(reviews, bert, batch_size=8))
    wanted = [0.0, 0.01 / 3, 0.02 / 3, 0.01, 0.02 / 3, 0.01 / 3]
    assert [group[0] for group in seen] == pytest.approx(wanted)
    assert all(len(set(group)) == 1 for group in seen)


def test_embeddings_train_at_a_rate_of_their_own(tmp_path):
    data = stories.corpus(stories.write(tmp_path), MaskedLM)
    module = stories.make(
        MaskedLM, data.path, learning_rate=0.01, embedding_lr_multiplier=7.0, schedule="constant"
    )
    groups = tiny.fit(module, data).optimizers[0].param_groups
    rate = {id(p): group["initial_lr"] for group in groups for p in group["params"]}
    table = module.model.get_input_embeddings().weight
    assert rate.pop(id(table)) == pytest.approx(0.07)
    assert set(rate.values()) == {0.01}
    assert len(rate) == sum(p.requires_grad for p in module.parameters()) - 1


@pytest.mark.parametrize("limit", [None, 0.01])
def test_clipping_works_with_the_fused_optimizer(bert, reviews, limit):
    module, norms = tiny.make(FullFineTuning, bert), []

    def of_the_last_step(optimizer) -> None:
        gradients = [p.grad.flatten() for p in module.parameters() if p.grad is not None]
        if gradients:
            norms.append(float(torch.cat(gradients).norm()))

    module.on_before_zero_grad = of_the_last_step
    data = tiny.read(reviews, bert, batch_size=8)
    run = tiny.fit(module, data, gradient_clip_val=limit, precision="bf16-mixed")
    assert run.optimizers[0].defaults["fused"]
    assert len(norms) >= 4
    assert max(norms) < 0.0101 if limit else min(norms) > 0.1
