"""LoRA against its closed form and against peft."""

import pytest
import torch
import transformers
from peft import AutoPeftModelForSequenceClassification
from torch import nn

from modules import Classification, LoRA
from modules.exporting import export
from modules.finetuning.targets import head_modules
from tests import tiny
from tests.modules.finetuning.test_targets import save_backbone

VARIANTS = [
    {"use_rslora": True},
    {"use_dora": True},
    {"initialization": "pissa"},
    {"use_rslora": True, "use_dora": True},
    {"initialization": "pissa", "use_rslora": True},
    {"initialization": "pissa", "use_dora": True},
]
NAMES = ["rslora", "dora", "pissa", "rslora-dora", "pissa-rslora", "pissa-dora"]


@pytest.fixture(params=VARIANTS, ids=NAMES)
def variant(request):
    return request.param


@pytest.fixture(params=["bert", "llama", "gpt2"])
def any_backbone(request, tmp_path) -> str:
    if request.param == "gpt2":
        return save_backbone("gpt2", tmp_path / "gpt2")
    return request.getfixturevalue(request.param)


def shaken(module):
    """With updates that do something."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "lora_" in name and parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return module.eval()


def bare_logits(module, batch) -> torch.Tensor:
    """Of the published backbone with the module's head."""
    torch.manual_seed(0)
    model = module.task.build(module.hparams["backbone"], 0.0).eval()
    head = {n.rpartition(".")[2]: p for n, p in module.named_parameters() if "modules_to_save" in n}
    name = "classifier" if hasattr(model, "classifier") else "score"
    getattr(model, name).load_state_dict(head)
    with torch.no_grad():
        return module.task.logits(model, batch)


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


# Variants -------------------------------------------------------------------------------------


def test_every_variant_starts_as_the_bare_model(variant, any_backbone, reviews):
    module, batch = (
        tiny.make(LoRA, any_backbone, rank=4, **variant),
        tiny.batch_of(any_backbone, reviews),
    )
    torch.testing.assert_close(
        tiny.logits(module, batch), bare_logits(module, batch), atol=1e-5, rtol=1e-4
    )


def test_merged_and_unmerged_variants_agree(variant, any_backbone, reviews):
    module = shaken(tiny.make(LoRA, any_backbone, rank=4, **variant))
    batch = tiny.batch_of(any_backbone, reviews)
    apart, fresh = tiny.logits(module, batch), tiny.make(LoRA, any_backbone, rank=4, **variant)
    module.model.merge_adapter()
    torch.testing.assert_close(tiny.logits(module, batch), apart, atol=1e-4, rtol=1e-4)
    module.model.unmerge_adapter()
    torch.testing.assert_close(tiny.logits(module, batch), apart, atol=1e-4, rtol=1e-4)
    assert (apart - tiny.logits(fresh, batch)).abs().max() > 1e-3


@pytest.mark.parametrize("use_dora", [False, True])
@pytest.mark.parametrize("initialization", ["default", "pissa"])
def test_dora_adds_one_length_for_each_output(use_dora, initialization, backbone):
    settings = {"use_dora": use_dora, "initialization": initialization}
    module = tiny.make(LoRA, backbone, rank=2, **settings)
    plain = tiny.make(LoRA, backbone, rank=2)
    lengths = 2 * sum(outward for _, outward in shapes(backbone)) + 16 * (kind(backbone) == "bert")
    count, without = (m.model.get_nb_trainable_parameters()[0] for m in (module, plain))
    assert count == without + use_dora * lengths
    assert count == sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_the_scale_is_what_was_typed(bert):
    """alpha / rank, or alpha / sqrt(rank): nothing else changes alpha."""
    for rslora, wanted in ((False, 12.0 / 4), (True, 12.0 / 2)):
        module = tiny.make(LoRA, bert, rank=4, alpha=12.0, use_rslora=rslora)
        layer = module.model.get_base_model().bert.encoder.layer[0].attention.self.query
        assert layer.scaling["default"] == wanted
        assert module.hparams["alpha"] == 12.0


def test_pissa_holds_the_largest_singular_values(bert):
    settings = {"rank": 4, "alpha": 12.0, "initialization": "pissa"}
    module = tiny.make(LoRA, bert, **settings)
    layer = module.model.get_base_model().bert.encoder.layer[1].intermediate.dense
    original = model_of(bert).bert.encoder.layer[1].intermediate.dense.weight
    values = torch.linalg.svdvals(original)
    update = 12.0 / 4 * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    torch.testing.assert_close(torch.linalg.svdvals(update)[:4], values[:4])
    rest = torch.linalg.svdvals(layer.base_layer.weight)
    torch.testing.assert_close(rest[: len(values) - 4], values[4:], atol=1e-5, rtol=1e-4)
    assert not layer.base_layer.weight.requires_grad


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_variants_train_come_back_and_export(
    variant, precision, any_backbone, reviews, tmp_path, recwarn
):
    """What test_export.py does for the defaults; base/ holds the backbone as published."""
    module = tiny.make(LoRA, any_backbone, rank=4, backbone_dropout=0.1, **variant)
    module, batch = tiny.trained_and_loaded(module, reviews, tmp_path, precision)
    wanted = tiny.logits(module, batch)

    folder = export(module, tmp_path / "export")
    assert torch.equal(tiny.logits(module, batch), wanted)  # the module is as it was
    written = transformers.AutoModel.from_pretrained(folder / "base").state_dict()
    published = transformers.AutoModel.from_pretrained(any_backbone).state_dict()
    assert all(torch.equal(value, published[name]) for name, value in written.items())
    model = AutoPeftModelForSequenceClassification.from_pretrained(folder).eval()
    pissa = variant.get("initialization") == "pissa"
    assert model.peft_config["default"].r == (8 if pissa else 4)
    assert model.peft_config["default"].init_lora_weights is True
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        torch.testing.assert_close(model(**inputs).logits, wanted, atol=1e-5, rtol=1e-4)
    assert not [str(w.message) for w in recwarn if "fan_in_fan_out" in str(w.message)]


def test_pissa_of_full_rank_can_be_exported(bert, reviews, tmp_path):
    """Twice the rank is more than the matrices have, which only the user's own rank must not be."""
    module = shaken(tiny.make(LoRA, bert, rank=16, initialization="pissa"))
    batch = tiny.batch_of(bert, reviews)
    folder = export(module, tmp_path / "export")
    model = AutoPeftModelForSequenceClassification.from_pretrained(folder).eval()
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        answer = model(**inputs).logits
    torch.testing.assert_close(answer, tiny.logits(module, batch), atol=1e-4, rtol=1e-4)


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
