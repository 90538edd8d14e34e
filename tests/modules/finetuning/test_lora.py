"""LoRA against its closed form and against peft."""

import pytest
import torch
import transformers
from torch import nn

from modules import Classification, LoRA
from modules.finetuning.targets import head_modules
from tests import tiny


def kind(backbone: str) -> str:
    return "bert" if "bert" in backbone else "llama"


def shapes(backbone: str) -> list[tuple[int, int]]:
    """(in, out) of the linear layers of one block, in the order of computation."""
    if kind(backbone) == "bert":
        return [(16, 16)] * 4 + [(16, 32), (32, 16)]
    # One key and value head of 8 columns for the two query heads.
    return [(16, 16), (16, 8), (16, 8), (16, 16), (16, 32), (16, 32), (32, 16)]


@pytest.mark.parametrize("rank", [1, 4])
def test_trainable_parameters_equal_the_closed_form_and_what_peft_counts(backbone, rank):
    module = tiny.make(LoRA, backbone, rank=rank, task=Classification(num_classes=3))
    updates = 2 * sum(rank * (inward + outward) for inward, outward in shapes(backbone))
    # BERT's pooler comes with the backbone: a layer like any other.
    head = rank * (16 + 16) + 3 * 16 + 3 if kind(backbone) == "bert" else 3 * 16
    count = sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert count == updates + head == module.model.get_nb_trainable_parameters()[0]


def test_merging_leaves_the_logits_as_they_are(backbone, reviews):
    module = tiny.make(LoRA, backbone, rank=4, alpha=32.0).eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    batch = tiny.read(reviews, backbone)._rows["train"].__getitems__(list(range(8)))
    with torch.no_grad():
        apart = module(batch)
        with module.model.disable_adapter():
            bare = module(batch)
        module.model.merge_adapter()
        torch.testing.assert_close(module(batch), apart, atol=1e-5, rtol=1e-5)
        module.model.unmerge_adapter()
        torch.testing.assert_close(module(batch), apart, atol=1e-5, rtol=1e-5)
    assert (apart - bare).abs().max() > 1e-2  # the updates do something


def test_the_update_is_alpha_over_rank_times_b_a(bert):
    module = tiny.make(LoRA, bert, rank=4, alpha=12.0)
    layer = module.model.get_base_model().bert.encoder.layer[0].attention.self.query.eval()
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    assert down.shape == (4, 16)
    assert up.shape == (16, 4)
    assert not up.any()
    nn.init.normal_(up)
    x = torch.randn(3, 16)
    wanted = layer.base_layer(x) + 12.0 / 4 * x @ down.T @ up.T
    torch.testing.assert_close(layer(x), wanted)


def adapted(module) -> set[str]:
    inner = module.model.get_base_model()
    return {name for name, child in inner.named_modules() if hasattr(child, "lora_A")}


def model_of(backbone: str) -> nn.Module:
    return transformers.AutoModelForSequenceClassification.from_pretrained(backbone)


def test_targets_by_word(backbone):
    every = adapted(tiny.make(LoRA, backbone, targets="all-linear"))
    attention = adapted(tiny.make(LoRA, backbone, targets="attention"))
    model = model_of(backbone)
    blocks = {
        name
        for name, child in model.named_modules()
        if isinstance(child, nn.Linear) and ("encoder.layer" in name or "model.layers" in name)
    }
    assert every - {"bert.pooler.dense"} == blocks
    assert len(blocks) == 2 * len(shapes(backbone))
    assert len(attention) == 2 * 4
    assert all("att" in name for name in attention)


def test_targets_by_name(bert, llama):
    ends = {
        name.rsplit(".", 1)[-1] for name in adapted(tiny.make(LoRA, bert, targets="query,value"))
    }
    assert ends == {"query", "value"}
    listed = adapted(tiny.make(LoRA, llama, targets=["q_proj", "v_proj"]))
    assert listed == {f"model.layers.{n}.self_attn.{p}_proj" for n in (0, 1) for p in "qv"}
    # A name is whole parts of a path, not a piece of one.
    assert adapted(tiny.make(LoRA, bert, targets="attention.output.dense")) == {
        f"bert.encoder.layer.{n}.attention.output.dense" for n in (0, 1)
    }


@pytest.mark.parametrize(
    "targets", ["q_projection", ["query", "q_projection"], "proj", "classifier"]
)
def test_a_target_that_matches_nothing_is_named_in_one_line(bert, targets):
    with pytest.raises(
        ValueError, match=r"--model.targets .*: no linear layer of that name"
    ) as error:
        tiny.make(LoRA, bert, targets=targets)
    assert "\n" not in str(error.value)
    assert "query" in str(error.value)


def test_the_head_trains_and_a_pooler_only_if_the_backbone_has_none(bert, llama, tmp_path):
    assert head_modules(model_of(bert)) == ["classifier"]
    assert head_modules(model_of(llama)) == ["score"]
    bare = tmp_path / "bare"
    transformers.BertModel.from_pretrained(bert, add_pooling_layer=False).save_pretrained(bare)
    transformers.AutoTokenizer.from_pretrained(bert).save_pretrained(bare)
    parts = {bert: ["classifier"], llama: ["score"], str(bare): ["classifier", "pooler"]}
    for backbone, heads in parts.items():
        whole = {n for n in tiny.make(LoRA, backbone).trainable if "lora_" not in n}
        assert all("modules_to_save" in name for name in whole)
        found = {head for head in ("classifier", "score", "pooler") for n in whole if head in n}
        assert found == set(heads)


def test_a_rank_above_the_smallest_matrix_is_named_in_one_line(backbone):
    name, shape = {"bert": ("query", r"\(16, 16\)"), "llama": ("k_proj", r"\(8, 16\)")}[
        kind(backbone)
    ]
    limit = 16 if kind(backbone) == "bert" else 8
    tiny.make(LoRA, backbone, rank=limit)
    with pytest.raises(
        ValueError, match=rf"^--model.rank {limit + 1}: more than .*{name} .*{shape}"
    ) as error:
        tiny.make(LoRA, backbone, rank=limit + 1)
    assert "\n" not in str(error.value)
