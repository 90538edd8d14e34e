"""What strategies and heads do on families of other structures; the table is in docs."""

import pytest
import torch
from torch import nn

from modules import Classification, FullFineTuning, LoRA, PromptTuning, load, notices
from modules.backbones import load_backbone, unwrap
from modules.exporting import export
from modules.kernels import attn_implementation
from modules.tasks.heads import Head
from tests import tiny
from tests.backbones import families
from tests.backbones.rows import rows_of


def test_lora_adapts_all_experts_and_no_gate_below_its_rank(tmp_path, capsys):
    module = LoRA(backbone=families.make("qwen2_moe", tmp_path), rank=4)
    names = {n.partition(".layers.0.")[2] for n in module.trainable if "lora_A" in n}
    adapted = {name.partition(".lora_A")[0] for name in names}
    assert {"mlp.experts", "mlp.experts.base_layer", "mlp.shared_expert.up_proj"} <= adapted
    assert not any("shared_expert_gate" in name for name in module.trainable)
    assert "LoRA: not in model.layers.#.mlp.shared_expert_gate" in capsys.readouterr().err


def test_experts_stay_frozen_with_a_note_where_peft_cannot(tmp_path, capsys):
    module = LoRA(backbone=families.make("mixtral", tmp_path), rank=4, dropout=0.1)
    assert not any("experts" in name for name in module.trainable)
    assert "LoRA: not in the experts" in capsys.readouterr().err


def test_lora_leaves_out_matrices_that_are_read_and_never_called(tmp_path):
    """Mamba's kernel reads the weight of dt_proj: an update beside it would do nothing."""
    module = LoRA(backbone=families.make("mamba", tmp_path), rank=2)
    assert any("x_proj" in name for name in module.trainable)
    assert not any("dt_proj" in name for name in module.trainable)


@pytest.mark.quick_if(lambda case: case["family"] == "granite")
@pytest.mark.parametrize("family", ["granite", "mamba"])
def test_a_family_without_a_head_of_its_own_gets_one(family, tmp_path):
    folder = families.make(family, tmp_path)
    module = FullFineTuning(backbone=folder, task=Classification(num_classes=3)).eval()
    batch = rows_of(folder, "native")
    with torch.no_grad():
        logits = module(batch)
        hidden = module.model.base_model(input_ids=batch["input_ids"])[0]
        last = hidden[torch.arange(4), batch["attention_mask"].sum(1) - 1]
        torch.testing.assert_close(logits, module.model.score(last), atol=1e-5, rtol=1e-4)
        again = load(export(module, tmp_path / "export"))
        torch.testing.assert_close(again(batch), logits)


@pytest.mark.quick_if(lambda case: case["family"] in ("distilbert", "albert"))
@pytest.mark.parametrize("family", ["distilbert", "deberta-v2", "modernbert", "albert", "roberta"])
def test_the_mean_goes_through_one_linear_layer_and_nothing_else_trains(family, tmp_path):
    folder = families.make(family, tmp_path)
    task = Classification(num_classes=3, pooling="mean", dropout=0.25)
    module = LoRA(backbone=folder, task=task).eval()
    inner, batch = unwrap(module.model), rows_of(folder, "mean")
    assert inner.dropout.p == 0.25
    assert {n for n in module.trainable if "lora_" not in n} == {
        f"model.base_model.model.score.modules_to_save.default.{part}"
        for part in ("weight", "bias")
    }
    with torch.no_grad():
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        hidden, mask = inner.base_model(**inputs)[0], batch["attention_mask"][..., None]
        mean = (hidden * mask).sum(1) / mask.sum(1)
        torch.testing.assert_close(module(batch), inner.score(mean))


def test_the_dropout_of_a_head_is_set_whatever_it_is_called(tmp_path):
    rates = {}
    for family in ("distilbert", "deberta-v2", "bart"):
        model = Head(["a", "b"], "native", 0.3).build(families.make(family, tmp_path), None)
        inside = {id(module) for module in model.base_model.modules()}
        outside = [m for m in model.modules() if id(m) not in inside]
        rates[family] = {m.p for m in outside if type(m).__name__.endswith("Dropout")}
    assert rates == {family: {0.3} for family in rates}
    with pytest.raises(ValueError, match="task.dropout: the head of gpt2 has no dropout"):
        Head(["a", "b"], "native", 0.3).build(families.make("gpt2", tmp_path), None)


def test_backbone_dropout_reaches_every_part_and_no_layerdrop(tmp_path):
    folder = families.make("bart", tmp_path)
    model = Head(["a", "b"], "native", None).build(folder, 0.2)
    assert (model.config.encoder_layerdrop, model.config.decoder_layerdrop) == (0.0, 0.0)
    assert (model.config.attention_dropout, model.config.dropout) == (0.2, 0.2)
    several = Head(["a", "b"], "native", None).build(families.make("gemma3", tmp_path), 0.2)
    assert several.config.text_config.attention_dropout == 0.2
    with pytest.raises(ValueError, match=r"--model.backbone_dropout 0.2: mamba has no dropout"):
        Head(["a", "b"], "native", None).build(families.make("mamba", tmp_path), 0.2)


def test_a_gpu_gets_sdpa_only_where_the_family_has_it(tmp_path, monkeypatch):
    import transformers

    auto = transformers.AutoModelForSequenceClassification
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    wanted = {"bert": "sdpa", "llama": "sdpa", "deberta-v2": "eager", "mpnet": "eager"}
    wanted |= {"longformer": "eager", "xlnet": "eager", "gemma2": "eager", "gpt_oss": "eager"}
    for family, attention in wanted.items():
        config = transformers.AutoConfig.for_model(family)
        assert attn_implementation(auto, config) == attention, family
        assert attn_implementation(transformers.AutoModel, config) == attention, family
    model = load_backbone(auto, families.make("mpnet", tmp_path))
    assert model.config._attn_implementation == "eager"


def test_a_task_that_a_family_has_no_class_for_is_refused_in_one_line(tmp_path):
    import transformers

    with pytest.raises(ValueError, match="no AutoModelForCausalLM of t5, which") as refused:
        load_backbone(transformers.AutoModelForCausalLM, families.make("t5", tmp_path))
    assert "\n" not in str(refused.value)


def test_a_prompt_before_an_encoder_decoder_names_the_way_out(tmp_path):
    folder = families.make("t5", tmp_path)
    with pytest.raises(ValueError, match=r"pooling native: .* use mean"):
        PromptTuning(backbone=folder, tokens=3)
    assert PromptTuning(backbone=folder, tokens=3, task=Classification(pooling="mean")).trainable


def test_a_fit_says_what_the_files_do_not_hold(bert, reviews, capsys, monkeypatch):
    monkeypatch.setattr(notices, "_said", set())  # each line is said once a process
    tiny.fit(LoRA(backbone=bert), tiny.read(reviews, bert, batch_size=8), max_epochs=1)
    said = capsys.readouterr().err
    assert f"{bert}: its files do not hold classifier.bias, classifier.weight, random at" in said
    assert "frozen" not in said

    class Still(FullFineTuning, abstract=True):
        def adapt(self, model: nn.Module) -> nn.Module:
            super().adapt(model).classifier.bias.requires_grad_(False)
            return model

    tiny.fit(Still(backbone=bert), tiny.read(reviews, bert, batch_size=8), max_epochs=1)
    assert "frozen as they were drawn: classifier.bias" in capsys.readouterr().err
