"""Partial freezing: the lowest layers and the embeddings stay as they are."""

import pytest

from modules import PartialFreezing
from tests import tiny


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_what_trains_is_what_lies_above(backbone, frozen):
    module = tiny.make(PartialFreezing, backbone, frozen_layers=frozen)
    layers = [f"layer.{number}" for number in range(frozen, 2)]
    assert list(module.layers()) == [*layers, "head"]
    path = "bert.encoder.layer" if "bert" in backbone else "model.layers"
    for name, parameter in module.model.named_parameters():
        low = "embed" in name or any(name.startswith(f"{path}.{n}.") for n in range(frozen))
        assert parameter.requires_grad == (not low), name


def test_half_of_the_layers_are_frozen_by_default(backbone):
    assert list(tiny.make(PartialFreezing, backbone).layers()) == ["layer.1", "head"]


def test_more_layers_than_there_are_is_refused_in_one_line(backbone):
    kind = "bert" if "bert" in backbone else "llama"
    said = f"^--model.frozen_layers 3: {kind} has 2 layers$"
    with pytest.raises(ValueError, match=said):
        tiny.make(PartialFreezing, backbone, frozen_layers=3)


def test_no_gradient_goes_below_the_lowest_layer_that_trains(bert, reviews):
    module = tiny.make(PartialFreezing, bert, frozen_layers=1)
    needs = []
    for block in module.model.bert.encoder.layer:
        block.register_forward_hook(lambda _, __, out: needs.append(out.requires_grad))
    module(tiny.read(reviews, bert)._rows["train"].__getitems__([0, 1]))
    assert needs == [False, True]
