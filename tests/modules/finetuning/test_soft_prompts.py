"""Soft prompts against real ones: what a prompt of word vectors does, the words do too."""

import pytest
import torch
from peft import AutoPeftModelForSequenceClassification

from datamodules.packaged import load_tokenizer
from modules import Classification, PrefixTuning, PromptTuning, PTuning
from modules.exporting import export
from modules.finetuning import soft_prompts
from tests import tiny
from tests.modules.finetuning.test_targets import save_backbone

STRATEGIES = [PromptTuning, PrefixTuning, PTuning]
OTHER_WAYS = [
    (PromptTuning, {"initialization": "random"}),
    (PromptTuning, {"initialization": "text", "text": "a warm tale"}),
    (PrefixTuning, {"projection": True, "projection_size": 6}),
    (PTuning, {"encoder": "lstm"}),
    (PTuning, {"encoder_size": 6}),
]


def encoder(module) -> torch.nn.Module:
    return module.model.prompt_encoder["default"]


def drawn(backbone, tokens: int) -> torch.Tensor:
    """The words that a module of seed 0 starts from: its first draw after the backbone's head."""
    ids = []
    draw = soft_prompts.random_token_ids
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            soft_prompts, "random_token_ids", lambda *args: ids.append(draw(*args)) or ids[0]
        )
        tiny.make(PromptTuning, backbone, tokens=tokens)
    return ids[0]


# Against words --------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [PromptTuning, PrefixTuning])
@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen3", "opt", "gpt_neox", "phi", "gemma2"])
def test_a_fresh_prompt_of_a_decoder_is_words_before_the_text(strategy, kind, tmp_path, reviews):
    """Keys and values in every layer: a prefix of words is what those words leave behind."""
    backbone = save_backbone(kind, tmp_path)
    words = drawn(backbone, 5)
    module = tiny.make(strategy, backbone, tokens=5)
    batch = tiny.batch_of(backbone, reviews)
    wanted = []
    for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
        text = torch.cat([words, ids[: mask.sum()]])[None]
        whole = {"input_ids": text, "attention_mask": torch.ones_like(text)}
        with torch.no_grad():
            model = module.model.eval().get_base_model()
            wanted.append(module.task.logits(model, whole))
    torch.testing.assert_close(tiny.logits(module, batch), torch.cat(wanted), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(wanted[0], wanted[1], atol=1e-3)


def test_a_fresh_prompt_of_an_encoder_is_words_before_the_text(bert, reviews):
    words, batch = drawn(bert, 5), tiny.batch_of(bert, reviews)
    module = tiny.make(PromptTuning, bert, tokens=5)
    inputs = {
        "input_ids": torch.cat([words.expand(8, 5), batch["input_ids"]], 1),
        "attention_mask": torch.cat([torch.ones(8, 5).long(), batch["attention_mask"]], 1),
    }
    with torch.no_grad():
        wanted = module.model.eval().get_base_model()(**inputs).logits
    torch.testing.assert_close(tiny.logits(module, batch), wanted)


def test_a_fresh_prefix_of_an_encoder_is_words_that_see_only_themselves(bert, reviews):
    words, batch = drawn(bert, 5), tiny.batch_of(bert, reviews, 1)
    module = tiny.make(PrefixTuning, bert, tokens=5)
    ids = torch.cat([words[None], batch["input_ids"]], 1)
    sees = torch.ones(1, 1, ids.shape[1], ids.shape[1])
    sees[..., :5, 5:] = 0
    model = module.model.eval().get_base_model()
    with torch.no_grad():
        hidden = model.bert(ids, attention_mask=(1 - sees) * -1e9).last_hidden_state
        wanted = model.classifier(model.bert.pooler(hidden[:, 5:]))  # reads [CLS]
    torch.testing.assert_close(tiny.logits(module, batch), wanted, atol=1e-5, rtol=1e-4)


def test_the_prompt_starts_from_the_vectors_of_ordinary_words(backbone):
    tokenizer = load_tokenizer(backbone)
    module = tiny.make(PromptTuning, backbone, tokens=30)
    table = module.model.get_base_model().get_input_embeddings().weight
    rows = (encoder(module).embedding.weight[:, None] == table).all(-1)
    assert rows.any(1).all()
    assert not rows[:, tokenizer.all_special_ids].any()


def test_the_prompt_starts_from_a_text_repeated_or_cut(backbone):
    tokenizer = load_tokenizer(backbone)
    ids = tokenizer("a warm tale", add_special_tokens=False)["input_ids"]
    for tokens in (2, len(ids), 2 * len(ids) + 1):
        settings = {"initialization": "text", "text": "a warm tale", "tokens": tokens}
        module = tiny.make(PromptTuning, backbone, **settings)
        table = module.model.get_base_model().get_input_embeddings().weight
        wanted = table[torch.tensor((ids * 3)[:tokens])]
        assert torch.equal(encoder(module).embedding.weight, wanted)


def test_a_random_prompt_is_as_long_as_the_vocabulary_s_vectors(backbone):
    module = tiny.make(PromptTuning, backbone, initialization="random", tokens=50)
    table = module.model.get_base_model().get_input_embeddings().weight
    ratio = encoder(module).embedding.weight.std() / table.std()
    assert 0.9 < ratio < 1.1


# What trains ----------------------------------------------------------------------------------


def test_trainable_parameters_equal_the_closed_form_and_what_peft_counts(backbone):
    head = 2 * 16 + (2 if "bert" in backbone else 0)
    width = 16 if "bert" in backbone else 8  # Llama has one head of keys for two of queries
    columns = 2 * 2 * width  # layers, keys and values
    lstm = sum(2 * 4 * 6 * (inward + 6 + 2) for inward in (16, 12))
    expected = [
        (PromptTuning, {}, 7 * 16),
        (PrefixTuning, {}, 7 * columns),
        (
            PrefixTuning,
            {"projection": True, "projection_size": 6},
            7 * width + 6 * (width + 1) + columns * 7,
        ),
        (PTuning, {}, 7 * 16 + 3 * (16 * 16 + 16)),
        (PTuning, {"encoder_size": 6}, 7 * 16 + 6 * 17 + 6 * 7 + 16 * 7),
        (PTuning, {"encoder": "lstm", "encoder_size": 6}, 7 * 16 + lstm + 12 * 13 + 16 * 13),
    ]
    for strategy, settings, wanted in expected:
        module = tiny.make(strategy, backbone, tokens=7, **settings)
        count = sum(p.numel() for p in module.parameters() if p.requires_grad)
        assert count == wanted + head == module.model.get_nb_trainable_parameters()[0], settings


@pytest.mark.quick_if(lambda case: case["precision"] == "32-true")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize(("strategy", "settings"), OTHER_WAYS)
def test_other_ways_train_come_back_and_export(
    strategy, settings, precision, backbone, reviews, tmp_path, monkeypatch
):
    """What test_export.py does for the defaults."""
    module = tiny.make(strategy, backbone, backbone_dropout=0.1, **settings)
    module, batch = tiny.trained_and_loaded(module, reviews, tmp_path, precision)
    wanted = tiny.logits(module, batch)
    export(module, tmp_path / "export")
    decoder = "llama" in backbone
    assert ("One text at a time" in (tmp_path / "export" / "README.md").read_text()) == decoder
    monkeypatch.chdir(tmp_path / "export")  # peft looks for base/ in the working folder
    model = AutoPeftModelForSequenceClassification.from_pretrained(tmp_path / "export").eval()
    for row in range(8):  # alone, as transformers ignores padding behind a prompt
        length = batch["attention_mask"][row].sum()
        inputs = {n: batch[n][row : row + 1, :length] for n in ("input_ids", "attention_mask")}
        with torch.no_grad():
            answer = model(**inputs).logits
        torch.testing.assert_close(answer, wanted[row : row + 1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("pooling", ["native", "mean"])
def test_each_virtual_token_gets_a_gradient_and_in_each_layer(strategy, pooling, backbone, reviews):
    module = tiny.make(strategy, backbone, tokens=4, task=Classification(pooling=pooling)).train()
    batch = tiny.batch_of(backbone, reviews)
    module.task.loss(module(batch), batch).backward()
    # Keys and values of both layers, (4, 2 * 2 * columns); else one vector each.
    parts = encoder(module).embedding.weight.grad.reshape(4, 4, -1)
    if strategy is PrefixTuning and pooling == "native":
        assert (parts.abs().amax(-1) > 0).all()
    assert (parts.abs().amax((1, 2)) > 0).all()


# Room -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_text_has_the_context_less_the_prompt(strategy, backbone, tmp_path):
    module = tiny.make(strategy, backbone, tokens=50).eval()
    assert soft_prompts.max_text_tokens(module.model) == 14
    for length, fits in ((14, True), (15, False)):
        ids = torch.full((2, length), 7)
        batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if fits:
            assert tiny.logits(module, batch).shape == (2, 2)
            continue
        with pytest.raises(ValueError, match=r"a text of 15 tokens, where .* 14 of 64") as error:
            module(batch)
        assert "\n" not in str(error.value)
    for tokens in (64, 100):
        with pytest.raises(ValueError, match=f"--model.tokens {tokens}: leaves no room") as error:
            tiny.make(strategy, backbone, tokens=tokens)
        assert "\n" not in str(error.value)
    roberta = tiny.make(strategy, save_backbone("roberta", tmp_path), tokens=50)
    assert soft_prompts.max_text_tokens(roberta.model) == 14


@pytest.mark.parametrize(
    "settings",
    [{"text": "a"}, {"initialization": "text"}, {"initialization": "text", "text": " "}],
)
def test_a_text_goes_with_its_initialization(settings, bert):
    with pytest.raises(ValueError, match=r"^--model.text") as error:
        tiny.make(PromptTuning, bert, **settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["distilbert", "modernbert", "albert", "deberta-v2", "electra"])
def test_architectures_of_their_own_way(kind, tmp_path, reviews):
    """Embeddings of fewer columns, no number of heads, no way in for keys and values."""
    backbone = save_backbone(kind, tmp_path)
    batch = tiny.batch_of(backbone, reviews)
    for strategy in STRATEGIES:
        if strategy is PrefixTuning and kind != "electra":
            with pytest.raises(ValueError, match=f"PrefixTuning: {kind} takes no keys") as error:
                tiny.make(strategy, backbone)
            assert "\n" not in str(error.value)
            continue
        module = tiny.make(strategy, backbone)
        module.task.loss(module(batch), batch).backward()
        assert all(p.grad is not None for p in module.parameters() if p.requires_grad)
