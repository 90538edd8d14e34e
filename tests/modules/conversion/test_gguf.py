"""GGUF files: the logits of every family, the tokenizer, and what has no place in one."""

from functools import partial

import gguf
import pytest
import tokenizers
import transformers
from tokenizers import models, normalizers, pre_tokenizers
from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS

from modules.conversion import gguf_architectures, gguf_file, gguf_tokenizer
from modules.conversion.differences import DifferenceError
from modules.conversion.language_models import LanguageModel, open_language_model
from tests import chats
from tests.modules.conversion import families

TYPES = ("f32", "f16", "bf16", "q8_0")
QUICK = {("llama-scaled", "f32"), ("gpt2", "q8_0"), ("qwen3", "f16")}


@pytest.mark.quick_if(lambda case: (case["name"], case["kind"]) in QUICK)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", families.FAMILIES)
def test_every_family_gives_its_logits_again(name, kind, tmp_path):
    opened = open_language_model(families.save(tmp_path / name, name))
    assert gguf_file.obstacle(opened) == ""
    file = tmp_path / "model.gguf"
    difference = gguf_file.write(opened, file, kind)
    assert difference.greatest < (1e-4 if kind == "f32" else difference.bound)
    types = {tensor.tensor_type.name for tensor in gguf.GGUFReader(file).tensors}
    assert types == {"F32", kind.upper()}


def test_rows_in_another_order_are_refused(tmp_path, monkeypatch):
    opened = open_language_model(families.save(tmp_path / "model", "llama"))
    monkeypatch.setattr(gguf_architectures, "_neighbours", lambda values, heads: values)
    with pytest.raises(DifferenceError, match=r"differ from the model's by up to .* \(bound"):
        gguf_file.write(opened, tmp_path / "model.gguf", "f32")


def test_scaled_frequencies_are_divided_by_a_tensor(tmp_path):
    """Which llama.cpp reads and transformers does not, so that the comparison cannot see it."""
    opened = open_language_model(families.save(tmp_path / "model", "llama-scaled"))
    factors = dict(gguf_architectures.tensors(opened.model))["rope_freqs.weight"]
    config = opened.model.config
    scaled = opened.model.model.rotary_emb.inv_freq
    config.rope_parameters = {"rope_type": "default", "rope_theta": 500000.0}
    plain = type(opened.model.model.rotary_emb)(config).inv_freq
    assert ((plain / scaled - factors).abs() < 1e-5).all()
    assert factors[0] == 1
    assert abs(factors[-1] - 8) < 1e-5


SPLITS = {
    "sentencepiece": ("mistral", families.sentencepiece),
    "qwen2": ("qwen2", partial(families.split_by, GGUF_PRE_TOKENIZER_SPLITS["qwen2"])),
    "llama-bpe": ("llama", partial(families.split_by, GGUF_PRE_TOKENIZER_SPLITS["llama-bpe"])),
}


@pytest.mark.quick_if(lambda case: case["name"] == "sentencepiece")
@pytest.mark.parametrize("name", SPLITS)
def test_other_tokenizers_read_the_same(name, tmp_path):
    family, save = SPLITS[name]
    opened = open_language_model(families.save(tmp_path / "model", family, save))
    file = tmp_path / "model.gguf"
    gguf_file.write(opened, file, "f32")  # which compares the tokens of texts
    fields = gguf.GGUFReader(file).fields
    told = {key: fields[f"tokenizer.ggml.{key}"].contents() for key in ("model", "pre")}
    expected = {"model": "gpt2", "pre": name}
    if name == "sentencepiece":
        expected = {"model": "llama", "pre": "default"}
        assert fields["tokenizer.ggml.add_bos_token"].contents() is True
        types = fields["tokenizer.ggml.token_type"].contents()
        assert types.count(int(gguf.TokenType.BYTE)) == 256
    assert told == expected


def test_a_chat_model_keeps_its_template_and_the_end_of_a_turn(tmp_path):
    opened = open_language_model(families.save(tmp_path / "model", "llama"))
    tokenizer = opened.tokenizer
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.add_tokens(["<think>"])
    tokenizer.chat_template = chats.CHATML
    opened = LanguageModel(opened.model, tokenizer, "a chat")
    opened.model.resize_token_embeddings(len(tokenizer) + 5)
    file = tmp_path / "model.gguf"
    gguf_file.write(opened, file, "f32")
    fields = {name: field.contents() for name, field in gguf.GGUFReader(file).fields.items()}
    assert fields["tokenizer.chat_template"] == chats.CHATML
    assert fields["tokenizer.ggml.eot_token_id"] == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert fields["tokenizer.ggml.eos_token_id"] == tokenizer.eos_token_id
    types = fields["tokenizer.ggml.token_type"]
    assert types[-6:] == [int(gguf.TokenType.USER_DEFINED)] + 5 * [int(gguf.TokenType.UNUSED)]
    assert types[tokenizer.eos_token_id] == int(gguf.TokenType.CONTROL)
    assert fields["llama.vocab_size"] == len(tokenizer) + 5


def wrapped(fast, **special):
    special = {"eos_token": "</s>"} | special
    return transformers.PreTrainedTokenizerFast(tokenizer_object=fast, **special)


def byte_level(**parts):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    known = {piece: number for number, piece in enumerate(["</s>", *alphabet])}
    merges = [] if parts.pop("bare", False) else [("a", "b")]
    fast = tokenizers.Tokenizer(models.BPE(known | {"ab": len(known)}, merges))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    for name, part in parts.items():
        setattr(fast, name, part)
    return wrapped(fast)


@pytest.mark.parametrize(
    ("made", "rows", "said"),
    [
        (lambda: byte_level(), 300, ""),
        (lambda: byte_level(normalizer=normalizers.NFC()), 300, ""),
        (lambda: byte_level(normalizer=normalizers.Lowercase()), 300, "changes texts by Lowercase"),
        (lambda: byte_level(pre_tokenizer=pre_tokenizers.ByteLevel()), 300, "no name for the way"),
        (lambda: byte_level(bare=True), 300, "has no merges"),
        (lambda: byte_level(), 100, "has 258 tokens, and its embeddings 100 rows"),
        (
            lambda: byte_level(pre_tokenizer=pre_tokenizers.Whitespace()),
            300,
            "neither on bytes nor as SentencePiece does",
        ),
        (
            lambda: wrapped(tokenizers.Tokenizer(models.Unigram([("</s>", 0.0), ("a", -1.0)]))),
            300,
            "this is Unigram",
        ),
    ],
)
def test_a_tokenizer_without_a_place_is_one_line(made, rows, said):
    reason = gguf_tokenizer.obstacle(made(), rows)
    assert said in reason
    assert bool(said) == bool(reason)


def test_a_network_without_a_place_is_one_line(tmp_path):
    config = transformers.AutoConfig.for_model
    assert "written for gpt2, llama, mistral, qwen2, qwen3, and this is gemma" in (
        gguf_architectures.obstacle(config("gemma"))
    )
    yarn = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 2.0}
    assert "scaled by yarn" in gguf_architectures.obstacle(config("llama", rope_parameters=yarn))
    scaled = config("qwen2", rope_parameters=families.LLAMA3)
    assert "scaled by llama3" in gguf_architectures.obstacle(scaled)
    assert gguf_architectures.obstacle(config("mistral")) == ""
