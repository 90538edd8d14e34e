"""A user's own network of a class of its own: continued pre-training, fine-tuning, and back."""

import re

import pytest
import torch
from lightning.pytorch import Trainer, seed_everything
from torch import nn
from torch.utils.data import DataLoader
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutput
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

import modules

TEXTS = ("a warm film", "a dull film", "the best film of the year", "the worst film of the year")
SETTINGS = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
SIZES = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2}


class MeansConfig(PretrainedConfig):
    model_type = "means_of_prefixes"

    def __init__(self, vocab_size: int = 10, hidden_size: int = 8, **kwargs) -> None:
        self.vocab_size, self.hidden_size = vocab_size, hidden_size
        self.num_hidden_layers = 2
        super().__init__(**kwargs)


class Means(PreTrainedModel):
    """Each layer reads the mean of all tokens up to its own."""

    config_class, base_model_prefix = MeansConfig, "body"

    def __init__(self, config: MeansConfig) -> None:
        super().__init__(config)
        self.tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        sizes = [config.hidden_size] * 2
        self.layers = nn.ModuleList(nn.Linear(*sizes) for _ in range(config.num_hidden_layers))
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.tokens

    def forward(self, input_ids, attention_mask=None, **rest) -> BaseModelOutput:
        hidden = self.tokens(input_ids)
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        for layer in self.layers:
            mean = (hidden * mask[..., None]).cumsum(1) / mask.cumsum(1).clamp(min=1)[..., None]
            hidden = hidden + layer(mean).tanh()
        return BaseModelOutput(last_hidden_state=hidden)


class MeansForCausalLM(PreTrainedModel):
    config_class, base_model_prefix = MeansConfig, "body"

    def __init__(self, config: MeansConfig) -> None:
        super().__init__(config)
        self.body = Means(config)
        self.words = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        return self.words

    def forward(self, input_ids, attention_mask=None, **rest) -> CausalLMOutput:
        return CausalLMOutput(
            logits=self.words(self.body(input_ids, attention_mask).last_hidden_state)
        )


AutoConfig.register("means_of_prefixes", MeansConfig)
AutoModel.register(MeansConfig, Means)
AutoModelForCausalLM.register(MeansConfig, MeansForCausalLM)


class Unregistered(BertForMaskedLM):
    """BERT's config names BERT's own class, which lacks what is changed here."""


class Hidden(MeansForCausalLM):
    def get_output_embeddings(self) -> None:
        return None


class Silent(MeansForCausalLM):
    def forward(self, input_ids, **rest):
        return self.words(self.body(input_ids).last_hidden_state)


def rows(tokenizer) -> DataLoader:
    found = tokenizer(list(TEXTS), padding=True, return_tensors="pt")
    held = [{n: found[n][row] for n in ("input_ids", "attention_mask")} for row in range(4)]
    return DataLoader(held, batch_size=2)


def trained(module, loader: DataLoader) -> None:
    seed_everything(1, verbose=False)
    trainer = Trainer(max_steps=3, accelerator="cpu", **SETTINGS)
    trainer.fit(module, loader, loader)
    assert trainer.callback_metrics["val/loss"] > 0


def means(folder: str, kind: type = MeansForCausalLM):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    seed_everything(3, verbose=False)
    return kind(MeansConfig(len(tokenizer))), tokenizer


def masked(folder: str):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return BertForMaskedLM(
        BertConfig(vocab_size=len(tokenizer), num_hidden_layers=1, **SIZES)
    ), tokenizer


@pytest.mark.parametrize(
    ("objective", "make"), [(modules.CausalLM, means), (modules.MaskedLM, masked)]
)
def test_pre_training_goes_on_from_a_network(objective, make, bert, tmp_path):
    network, tokenizer = make(bert)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    module = objective(backbone=(network, tokenizer), row_tokens=12)
    assert type(module.model) is type(network)
    for name, value in module.model.state_dict().items():
        assert torch.equal(value, before[name])
    trained(module, rows(tokenizer))
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])  # a copy trained
    learned = module.model.state_dict()
    assert any(not torch.equal(learned[name], before[name]) for name in before)
    folder = modules.export(module, tmp_path / "export")
    again = type(network).from_pretrained(folder)
    for name, value in module.model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_a_checkpoint_names_the_copy(bert, tmp_path):
    network, tokenizer = means(bert)
    module = modules.CausalLM(backbone=(network, tokenizer), tokenizer=tokenizer, row_tokens=12)
    trainer = Trainer(max_steps=1, accelerator="cpu", **SETTINGS)
    trainer.fit(module, rows(tokenizer))
    trainer.save_checkpoint(tmp_path / "one.ckpt")
    again = modules.CausalLM.load_from_checkpoint(tmp_path / "one.ckpt", weights_only=True)
    for name, value in module.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
    assert again.tokenizer.get_vocab() == tokenizer.get_vocab()


def test_fine_tuning_takes_a_class_of_ones_own(bert, tmp_path):
    network, tokenizer = means(bert)
    module = modules.FullFineTuning(backbone=(network.body, tokenizer))
    wanted = module.eval().predict_proba(TEXTS)
    again = modules.load(modules.export(module, tmp_path / "export"))
    assert abs(again.predict_proba(TEXTS) - wanted).max() < 1e-5
    assert torch.equal(module.model.base_model.tokens.weight, network.body.tokens.weight)


def test_an_export_says_that_its_family_is_not_registered(bert, tmp_path, monkeypatch):
    network, tokenizer = means(bert)
    module = modules.FullFineTuning(backbone=(network.body, tokenizer))
    folder = modules.export(module, tmp_path / "export")
    monkeypatch.delitem(CONFIG_MAPPING._extra_content, MeansConfig.model_type)  # a new process
    with pytest.raises(ValueError, match="family that transformers does not know.*import the file"):
        modules.load(folder)


def unregistered(folder: str):
    network, tokenizer = masked(folder)
    return Unregistered(network.config), tokenizer


@pytest.mark.parametrize("part", [modules.MaskedLM, modules.LoRA])
def test_a_class_that_transformers_would_not_find_again_is_refused(part, bert):
    """Its copy would be loaded as BERT, without what its class changes."""
    with pytest.raises(ValueError, match=r"does not find Unregistered by its config.*register"):
        part(backbone=unregistered(bert))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Hidden, r"Hidden.get_output_embeddings\(\) returns no layer; override it"),
        (Silent, r"Silent does not return logits of shape \(rows, tokens, vocabulary\)"),
    ],
)
def test_a_network_that_is_no_language_model_is_refused(kind, reason, bert, monkeypatch):
    mapping = AutoModelForCausalLM._model_mapping._extra_content
    monkeypatch.setitem(mapping, MeansConfig, kind)
    with pytest.raises(ValueError, match=rf"backbone \S+: {reason}") as raised:
        modules.CausalLM(backbone=means(bert, kind))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "tokenizer: missing; a new network needs the corpus's"),
        ({"tokenizer": 3}, "tokenizer: a int, and not a name, a folder or a tokenizer"),
        ({"backbone": nn.Linear(2, 2)}, "backbone: a Linear, and not a name, a folder or"),
    ],
)
def test_what_is_no_network_and_no_tokenizer_is_refused(settings, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        modules.MaskedLM(**settings)


def test_another_network_of_the_tokenizer_has_another_copy(bert):
    """The vocabulary alone does not tell tokenizers apart."""
    tokenizer = AutoTokenizer.from_pretrained(bert)
    network = BertModel(BertConfig(vocab_size=len(tokenizer), num_hidden_layers=1, **SIZES))
    one = modules.LoRA(backbone=(network, tokenizer))
    tokenizer.model_max_length = 7
    two = modules.LoRA(backbone=(network, tokenizer))
    assert one.hparams["backbone"] != two.hparams["backbone"]
