"""(IA)3 against its closed form and against peft."""

import pytest
import torch

from modules import IA3, Classification
from tests import tiny
from tests.modules.finetuning.test_targets import FIELDS, KEYS_VALUES_AND_END, save_backbone


def test_trainable_parameters_equal_the_closed_form_and_what_peft_counts(backbone):
    """A factor for each column of keys and values, and for each that enters the last matrix."""
    module = tiny.make(IA3, backbone, task=Classification(num_classes=3))
    factors = 2 * (16 + 16 + 32) if "bert" in backbone else 2 * (8 + 8 + 32)
    head = 3 * 16 + (3 if "bert" in backbone else 0)
    count = sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert count == factors + head == module.model.get_nb_trainable_parameters()[0]


@pytest.mark.parametrize("kind", FIELDS)
def test_it_starts_as_the_bare_model_and_merges_into_one(kind, tmp_path, reviews, recwarn):
    backbone = save_backbone(kind, tmp_path)
    module, batch = tiny.make(IA3, backbone), tiny.batch_of(backbone, reviews)
    with module.model.disable_adapter():  # with the head that was copied
        bare = tiny.logits(module, batch)
    assert torch.equal(tiny.logits(module, batch), bare)
    factors = {n: p for n, p in module.named_parameters() if "ia3_l" in n}
    assert len(factors) == (1 if kind == "albert" else 2) * len(KEYS_VALUES_AND_END[kind])
    with torch.no_grad():
        for factor in factors.values():
            factor.normal_(1.0, 0.3)
    apart = tiny.logits(module, batch)
    assert not torch.allclose(apart, bare, atol=1e-6)
    module.model.merge_adapter()
    torch.testing.assert_close(tiny.logits(module, batch), apart, atol=1e-6, rtol=1e-4)
    assert not [str(w.message) for w in recwarn if "fan_in_fan_out" in str(w.message)]


def test_outputs_and_inputs_are_rescaled(bert):
    module = tiny.make(IA3, bert).eval()
    layer = module.model.get_base_model().bert.encoder.layer[0]
    for part, feedforward in ((layer.attention.self.key, False), (layer.output.dense, True)):
        factor = part.ia3_l["default"]
        torch.nn.init.normal_(factor)
        x = torch.randn(3, part.in_features)
        base, scale = part.base_layer, factor.flatten()
        torch.testing.assert_close(part(x), base(x * scale) if feedforward else base(x) * scale)
    assert not hasattr(layer.attention.output.dense, "ia3_l")
    assert not hasattr(layer.attention.self.query, "ia3_l")


def adapted(module) -> set[str]:
    inner = module.model.get_base_model()
    return {name for name, child in inner.named_modules() if hasattr(child, "ia3_l")}


def test_targets_by_name(bert):
    settings = {"targets": "query", "feedforward": "intermediate.dense"}
    blocks = [f"bert.encoder.layer.{number}." for number in (0, 1)]
    module = tiny.make(IA3, bert, **settings)
    wanted = ("attention.self.query", "intermediate.dense")
    assert adapted(module) == {block + name for block in blocks for name in wanted}
    module = tiny.make(IA3, bert, targets=["query", "key"], feedforward=[])
    wanted = ("attention.self.query", "attention.self.key")
    assert adapted(module) == {block + name for block in blocks for name in wanted}


@pytest.mark.parametrize("flag", ["targets", "feedforward"])
def test_a_name_that_matches_nothing_is_named_in_one_line(flag, bert):
    with pytest.raises(ValueError, match=f"^--model.{flag} keys: .* there are dense, key") as error:
        tiny.make(IA3, bert, **{flag: "keys"})
    assert "\n" not in str(error.value)


def test_what_is_not_found_by_structure_is_asked_for_in_one_line(tmp_path):
    """Mixtral's experts are no linear layers."""
    FIELDS["mixtral"] = {"num_key_value_heads": 1, "num_local_experts": 2}
    try:
        backbone = save_backbone("mixtral", tmp_path)
    finally:
        del FIELDS["mixtral"]
    with pytest.raises(
        ValueError, match=r"--model.feedforward: .* mixtral .* k_proj, o_p"
    ) as error:
        tiny.make(IA3, backbone)
    assert "\n" not in str(error.value)
    assert len(adapted(tiny.make(IA3, backbone, feedforward=[]))) == 4


def test_factors_do_not_decay_to_zero(bert):
    assert tiny.make(IA3, bert).hparams["weight_decay"] == 0.0
