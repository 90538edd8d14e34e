"""Families that are put together in another way than most: they work, or say why not."""

import pytest
import torch
import transformers
from torch.nn import functional

import modules
from modules.finetuning import checks
from modules.prompts import scoring
from tests import tiny
from tests.backbones import families
from tests.backbones.rows import rows_of

pytestmark = pytest.mark.usefixtures("nothing_known")

_WORDS = {"negative": "stupid", "positive": "clever"}
TASKS = {
    "class": lambda: modules.Classification(num_classes=3),
    "mean": lambda: modules.Classification(num_classes=3, pooling="mean"),
    "vector": modules.Embedding,
    "text": modules.LanguageModeling,
    "words": lambda: modules.PromptedClassification("{{ text }} it is {{ mask }}", _WORDS),
}
# Family, strategy, task, and why they do not go together.
REFUSED = [
    ("perceiver", "LoRA", "mean", r"^--model.backbone .*does not go with --model.task Class"),
    ("perceiver", "PromptTuning", "class", r"perceiver has no table of words' vectors"),
    ("perceiver", "LoRA", "words", r"perceiver has no output layer that reads the state of each"),
    ("deepseek_v3", "PrefixTuning", "class", r"keys and values of deepseek_v3 differ in shape"),
    ("recurrent_gemma", "LoRA", "class", r"^--model.*recurrent_gemma.* fails .*RuntimeError"),
    ("recurrent_gemma", "LoRA", "vector", r"^--model.*recurrent_gemma.* fails .*RuntimeError"),
    ("recurrent_gemma", "LoRA", "text", r"^--model.*recurrent_gemma.* fails .*RuntimeError"),
    ("mra", "LoRA", "mean", r"^--model.backbone .*mra reads each token alone on this machine"),
    ("convbert", "LoRA", "text", r"convbert reads the padding of a batch"),
]


@pytest.mark.quick_if(lambda case: case["family"] in ("perceiver", "deepseek_v3"))
@pytest.mark.parametrize(("family", "strategy", "task", "reason"), REFUSED)
def test_a_refusal_is_one_line(family, strategy, task, reason, tmp_path):
    folder = families.make(family, tmp_path)
    with pytest.raises(ValueError, match=reason) as caught:
        getattr(modules, strategy)(backbone=folder, task=TASKS[task]())
    assert str(caught.value).startswith("--model") and "\n" not in str(caught.value)


def test_an_objective_refuses_a_network_without_logits_for_each_token(tmp_path):
    folder = families.make("perceiver", tmp_path)
    with pytest.raises(ValueError, match=r"^--model.backbone .*perceiver has no output layer"):
        modules.MaskedLM(tokenizer=folder, row_tokens=24, backbone=folder)


def test_a_network_whose_outputs_are_nan_is_refused_as_that(bert, tmp_path):
    model = transformers.AutoModelForMaskedLM.from_pretrained(bert)
    torch.nn.init.constant_(model.get_input_embeddings().weight, float("nan"))
    model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"^--model.backbone .*bert gives outputs that are NaN$"):
        modules.LoRA(backbone=str(tmp_path))


def test_a_head_beside_encoder_and_decoder_trains(tmp_path):
    module = modules.LoRA(backbone=families.make("t5", tmp_path), task=modules.QuestionAnswering())
    assert any("qa_outputs" in name for name in module.trainable)


@pytest.mark.slow
def test_a_network_that_shifts_no_labels_itself_has_the_loss_of_transformers(tmp_path):
    folder = families.make("m2m_100", tmp_path)
    module = tiny.make(modules.FullFineTuning, folder, task=modules.SequenceToSequence()).eval()
    batch = module.task.prepare(rows_of(folder, "sequence to sequence"), False)
    with torch.no_grad():
        given = {name: batch[name] for name in ("input_ids", "attention_mask", "labels")}
        wanted = module.model(**given).loss
        torch.testing.assert_close(module.task.loss(module(batch), batch), wanted)


@pytest.mark.slow
def test_positions_by_sine_are_not_said_to_be_random(tmp_path, capsys):
    folder = families.make("marian", tmp_path)
    module = modules.LoRA(backbone=folder, task=modules.LanguageModeling())
    assert any("embed_positions" in name for name in module.model.new_parameters)
    checks.before_run(module, "fit")
    assert "embed_positions" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_head_of_ours_leaves_the_buffers_of_a_network_as_they_are(tmp_path):
    folder = families.make("falcon_h1", tmp_path)
    config = transformers.AutoConfig.from_pretrained(folder)
    wanted = dict(transformers.AutoModel.from_config(config).named_buffers())
    found = dict(TASKS["class"]().build(folder).base_model.named_buffers())
    assert found.keys() == wanted.keys()
    for name, buffer in found.items():
        torch.testing.assert_close(buffer, wanted[name], msg=name)


def test_a_rate_that_transformers_declares_as_a_whole_number_is_0(tmp_path):
    folder = families.make("mpt", tmp_path)
    assert modules.FullFineTuning(backbone=folder, backbone_dropout=0.0).trainable
    with pytest.raises(ValueError, match=r"^--model.backbone_dropout 0.1: mpt takes 0 or 1$"):
        modules.FullFineTuning(backbone=folder, backbone_dropout=0.1)


@pytest.mark.slow
def test_words_are_scored_where_the_output_layer_is_never_called(tmp_path):
    """MobileBERT multiplies by the weights of two layers."""
    folder = families.make("mobilebert", tmp_path)
    module = tiny.make(modules.FullFineTuning, folder, task=TASKS["words"]()).eval()
    (prompt,) = module.task.encode([{"text": "a warm tale"}])
    batch = scoring.collate([prompt], pad=1)
    with torch.no_grad():
        found = scoring.answer_log_likelihoods(module.model, batch)
        logits_RTV = module.model(batch["input_ids"], batch["attention_mask"]).logits
    row_N, place_N, token_N, _ = batch["targets"]
    wanted_N = functional.log_softmax(logits_RTV, -1)[row_N, place_N, token_N]
    torch.testing.assert_close(found[0], wanted_N)


def test_a_head_inside_of_the_encoder_is_no_probe(tmp_path):
    module = modules.LinearProbe(
        backbone=families.make("perceiver", tmp_path), task=TASKS["class"]()
    )
    rows = {name: torch.ones(2, 5, dtype=torch.int64) for name in ("input_ids", "attention_mask")}
    with pytest.raises(ValueError, match="the head of perceiver reads something else"):
        module(rows)
