"""rsLoRA, DoRA and PiSSA, alone and together, against their closed forms and against peft."""

import pytest
import torch
import transformers
from peft import AutoPeftModelForSequenceClassification

from modules import LoRA
from modules.exporting import export
from tests import tiny
from tests.modules.finetuning.test_lora import kind, model_of, shapes
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


def test_every_variant_starts_as_the_bare_model_and_merges(variant, any_backbone, reviews):
    module = tiny.make(LoRA, any_backbone, rank=4, **variant)
    batch = tiny.batch_of(any_backbone, reviews)
    fresh = tiny.logits(module, batch)
    torch.testing.assert_close(fresh, bare_logits(module, batch), atol=1e-5, rtol=1e-4)
    apart = tiny.logits(shaken(module), batch)
    assert (apart - fresh).abs().max() > 1e-3
    module.model.merge_adapter()
    torch.testing.assert_close(tiny.logits(module, batch), apart, atol=1e-4, rtol=1e-4)
    module.model.unmerge_adapter()
    torch.testing.assert_close(tiny.logits(module, batch), apart, atol=1e-4, rtol=1e-4)


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


@pytest.mark.quick_if(
    lambda case: case["precision"] == "32-true" and case["any_backbone"] == "bert"
)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_variants_train_come_back_and_export(
    variant, precision, any_backbone, reviews, tmp_path, recwarn, monkeypatch
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
    monkeypatch.chdir(folder)  # peft looks for base/ in the working folder
    model = AutoPeftModelForSequenceClassification.from_pretrained(folder).eval()
    pissa = variant.get("initialization") == "pissa"
    assert model.peft_config["default"].r == (8 if pissa else 4)
    assert model.peft_config["default"].init_lora_weights is True
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        torch.testing.assert_close(model(**inputs).logits, wanted, atol=1e-5, rtol=1e-4)
    assert not [str(w.message) for w in recwarn if "fan_in_fan_out" in str(w.message)]


def test_pissa_of_full_rank_can_be_exported(bert, reviews, tmp_path, monkeypatch):
    """Twice the rank is more than the matrices have, which only the user's own rank must not be."""
    module = shaken(tiny.make(LoRA, bert, rank=16, initialization="pissa"))
    batch = tiny.batch_of(bert, reviews)
    folder = export(module, tmp_path / "export")
    monkeypatch.chdir(folder)  # peft looks for base/ in the working folder
    model = AutoPeftModelForSequenceClassification.from_pretrained(folder).eval()
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        answer = model(**inputs).logits
    torch.testing.assert_close(answer, tiny.logits(module, batch), atol=1e-4, rtol=1e-4)
