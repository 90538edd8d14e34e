"""A CPU compiles kernels for each shape that it meets and keeps them: few shapes may occur."""

import pytest
import torch
from torch import nn

from modules import MaskedLM, PermutationLM, ReplacedTokenDetection
from modules.cross_entropy import pad_to_multiple
from modules.pretraining.rows import left_align
from tests import stories


@pytest.mark.parametrize("objective", [MaskedLM, PermutationLM, ReplacedTokenDetection])
def test_what_is_drawn_changes_few_shapes(path, objective):
    module = stories.make(objective, path)
    batch = next(iter(stories.corpus(path, objective).train_dataloader()))
    shapes: dict[str, set] = {}
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear):
            seen = shapes.setdefault(name, set())
            layer.register_forward_pre_hook(lambda _, given, seen=seen: seen.add(given[0].shape))
    drawn = set()
    for seed in range(30):
        example = module.corrupt(batch, torch.Generator().manual_seed(seed))
        drawn.add(int(example["target_mask"].sum()))
        with torch.no_grad():
            module.losses(example)
    assert len(drawn) > 8
    assert max(len(seen) for seen in shapes.values()) <= 3


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65])
def test_rows_that_are_added_are_zeros(count):
    rows = torch.randn(count, 3)
    whole = pad_to_multiple(rows)
    assert len(whole) % 64 == 0
    assert len(whole) - count < 64
    assert torch.equal(whole[:count], rows)
    assert not whole[count:].any()


def test_packed_rows_have_whole_widths():
    values, keep = torch.arange(1, 21).view(2, 10), torch.ones(2, 10, dtype=torch.bool)
    keep[1, 3:] = False
    ids, mask = left_align(values, keep, end=99, fill=0)
    assert ids.shape == mask.shape == (2, 16)
    assert ids[0].tolist() == [*range(1, 11), 99, 0, 0, 0, 0, 0]
    assert ids[1].tolist() == [11, 12, 13, 99, *[0] * 12]
    assert mask.sum(1).tolist() == [11, 4]
