"""Muon with AdamW against the two of torch, each on its own parameters."""

import copy

import pytest
import torch
from torch import nn

from modules import FullFineTuning, MaskedLM, optimization
from modules.muon import MuonWithAdamW
from tests import stories, tiny


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 3))


def groups_of(model: nn.Module) -> list[dict]:
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    decay = {"params": matrices, "weight_decay": 0.1, "lr": 0.02, "muon": True}
    return [decay, {"params": vectors, "weight_decay": 0.0, "lr": 0.01}]


def steps(model: nn.Module, optimizers: list, count: int) -> None:
    for number in range(count):
        model(torch.full((2, 4), 1.0 + number)).pow(2).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad()


def test_it_is_both_also_after_a_reload():
    ours, theirs = network(), network()
    one, other = groups_of(theirs)
    other = {name: value for name, value in other.items() if name != "muon"}
    one = {name: value for name, value in one.items() if name != "muon"}
    both = [
        torch.optim.Muon([one], adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW([other], betas=(0.8, 0.9)),
    ]
    steps(theirs, both, 4)
    optimizer = MuonWithAdamW(groups_of(ours), 1.0, (0.8, 0.9))
    steps(ours, [optimizer], 2)
    stored = copy.deepcopy(optimizer.state_dict())
    again = MuonWithAdamW(groups_of(ours), 1.0, (0.8, 0.9))
    again.load_state_dict(stored)
    for number in (2, 3):
        ours(torch.full((2, 4), 1.0 + number)).pow(2).sum().backward()
        again.step()
        ours.zero_grad()
    for mine, wanted in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, wanted)


def test_a_run_trains_hidden_matrices_with_muon(path):
    module = stories.make(MaskedLM, path, optimizer="muon")
    before = tiny.trained(module)
    run = tiny.fit(module, stories.corpus(path, MaskedLM), max_epochs=1, limit_train_batches=3)
    (optimizer,) = run.optimizers
    muon = {id(p) for group in optimizer.param_groups if group.get("muon") for p in group["params"]}
    names = {name for name, p in module.named_parameters() if id(p) in muon}
    assert names
    assert all("layers." in name and name.endswith("weight") for name in names)
    assert module.model.get_input_embeddings().weight.data_ptr() not in muon
    moved = [n for n, value in tiny.trained(module).items() if not torch.equal(value, before[n])]
    assert len(moved) == len(before)
    assert {group["lr"] for group in optimizer.param_groups} == {0.0}  # the schedule reaches all


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_betas_are_those_of_the_argument(bert, reviews, optimizer):
    module = tiny.make(FullFineTuning, bert, betas=[0.8, 0.95], optimizer=optimizer)
    run = tiny.fit(module, tiny.read(reviews, bert, batch_size=8), max_steps=1, max_epochs=-1)
    found = [group["betas"] for group in run.optimizers[0].param_groups if "betas" in group]
    assert found
    assert {tuple(betas) for betas in found} == {(0.8, 0.95)}


def test_betas_of_one_are_refused(bert):
    with pytest.raises(ValueError, match="v>=0 and v<1"):
        optimization.Beta(1.0)
