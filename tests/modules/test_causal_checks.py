"""Questions to built models, with families whose answers are known."""

import warnings

import pytest
import torch
import transformers
from torch.nn import functional

from modules import causal_checks, output_layer

pytestmark = pytest.mark.usefixtures("nothing_known")

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 50}
USUAL = {**SIZES, "intermediate_size": 24, "initializer_range": 0.3, "num_key_value_heads": 1}
LINEAR = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_value_heads": 2,
    "linear_num_key_heads": 1,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "head_dim": 8,
    "num_experts": 2,
    "num_experts_per_tok": 1,
    "moe_intermediate_size": 8,
    "shared_expert_intermediate_size": 8,
}
CAPPED = {**USUAL, "head_dim": 8, "final_logit_softcapping": 2.0}
MPT = {"d_model": 16, "n_layers": 2, "n_heads": 2, "vocab_size": 50}
BLOOM = {"hidden_size": 16, "n_layer": 2, "n_head": 2, "vocab_size": 50}
OPT = {"ffn_dim": 24, "word_embed_proj_dim": 16, "max_position_embeddings": 32, "init_std": 0.3}
# Model type, fields, where tokens are selected, whether the output layer's logits are the model's,
# whether texts of a row are kept apart.
CAUSAL = {
    "llama": ("llama", USUAL, "body", True, True),
    "gemma2": ("gemma2", CAPPED, "body", False, True),
    "cohere": ("cohere", {**USUAL, "logit_scale": 0.5}, "body", False, True),
    "mpt": ("mpt", MPT, "body", True, False),
    "opt": ("opt", {**SIZES, **OPT}, "layer", True, False),
    "bloom": ("bloom", BLOOM, "body", True, False),
    "falcon": ("falcon", {**SIZES, "alibi": True, "initializer_range": 0.3}, "body", True, False),
    "qwen3_next": ("qwen3_next", {**USUAL, **LINEAR}, "body", True, False),
    "mamba": ("mamba", {**SIZES, "state_size": 4, "pad_token_id": 0}, "body", True, False),
}


@pytest.fixture(params=CAUSAL.values(), ids=CAUSAL)
def case(request):
    return request.param


def make(family: str, fields: dict, auto=transformers.AutoModelForCausalLM):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(family, **fields)
    return auto.from_config(config, attn_implementation="eager").eval()


def test_the_loss_is_that_of_the_models_own_logits(case):
    family, fields, place, chunks, _ = case
    model = make(family, fields)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    # One's layer is no module, one's has experts, and one has none.
    last = family not in ("opt", "qwen3_next", "mamba")
    assert output_layer.selection(model) == (place, chunks, last)
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[name]), name
    ids = torch.randint(5, 50, (3, 9), generator=torch.Generator().manual_seed(1))
    there = ids % 3 > 0
    loss, accuracy, _ = output_layer.lm_loss(model, {"input_ids": ids}, there, ids[there])
    logits = model(input_ids=ids).logits[there]
    wanted = functional.cross_entropy(logits, ids[there])
    torch.testing.assert_close(loss, wanted)
    assert float(accuracy) == pytest.approx(float((logits.argmax(1) == ids[there]).float().mean()))
    parameters = list(model.parameters())
    ours = torch.autograd.grad(loss, parameters, allow_unused=True)
    theirs = torch.autograd.grad(wanted, parameters, allow_unused=True)
    for one, other in zip(ours, theirs, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:.*cannot keep texts apart")
def test_packed_texts_have_the_loss_that_each_has_alone(case):
    family, fields, *_, apart = case
    model = make(family, fields)
    assert not causal_checks.sees_later_tokens(model)
    assert causal_checks.keeps_texts_apart(model) == apart
    ids = torch.randint(5, 50, (2, 14), generator=torch.Generator().manual_seed(1))
    positions = torch.tensor([[*range(5), *range(9)], [*range(3), *range(7), *range(4)]])
    there = torch.ones_like(ids, dtype=torch.bool)
    there[0, 4] = there[1, 2] = there[1, 9] = there[:, 13] = False  # the last of each text
    there[1, 10:] = False  # and a text without a target
    inputs = {"input_ids": ids, "position_ids": positions, "use_cache": False}
    with torch.no_grad():
        alone = [(0, 0, 5), (0, 5, 14), (1, 0, 3), (1, 3, 10)]
        parts = [
            functional.cross_entropy(
                model(input_ids=ids[row : row + 1, start:end]).logits[0, :-1],
                ids[row, start + 1 : end],
                reduction="sum",
            )
            for row, start, end in alone
        ]
        isolated, mask = causal_checks.isolated(model, inputs, there)
        loss, _, _ = output_layer.lm_loss(model, isolated, mask, ids.roll(-1, 1)[there])
    torch.testing.assert_close(loss * int(there.sum()), torch.stack(parts).sum())


@pytest.mark.parametrize("sees", [True, False])
def test_what_sees_later_tokens(sees):
    config = {**SIZES, "intermediate_size": 24, "initializer_range": 0.3, "is_decoder": not sees}
    assert causal_checks.sees_later_tokens(make("bert", config)) == sees


BERT = {**SIZES, "intermediate_size": 24, "initializer_range": 0.3, "is_decoder": True}


@pytest.fixture
def asked(monkeypatch):
    """What runs a model for an answer, each time that it does."""
    runs = []
    for module in (causal_checks, output_layer):
        probing = module.probing
        noted = lambda model, probing=probing: runs.append(model) or probing(model)  # noqa: E731
        monkeypatch.setattr(module, "probing", noted)
    return runs


QUESTIONS = [
    causal_checks.sees_later_tokens,
    causal_checks.keeps_texts_apart,
    output_layer.selection,
]


@pytest.mark.filterwarnings("ignore:.*cannot keep texts apart")
@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_is_kept_by_the_architecture(question, asked, tmp_path, monkeypatch):
    first = question(make("bert", BERT))
    assert len(asked) == 1
    assert question(make("bert", BERT)) == first  # of another network of this kind
    assert len(asked) == 1
    others = [make("bert", {**BERT, "hidden_act": "relu"}), make("bert", BERT).double()]
    others.append(make("bert", BERT))
    others[-1].config._attn_implementation = "sdpa"
    named_alike = type("BertLMHeadModel", (type(make("bert", BERT)),), {"__module__": "mine"})
    others.append(make("bert", BERT))
    others[-1].__class__ = named_alike
    for count, model in enumerate(others, 2):
        question(model)
        assert len(asked) == count
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "none"))
    question(make("bert", BERT))
    assert len(asked) == len(others) + 2


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_what_weights_hide_is_asked_again(value):
    for question in QUESTIONS:
        model = make("llama", USUAL)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hidden = question(model)
        assert hidden in (False, ("end", False, False))
    assert output_layer.selection(make("llama", USUAL)) == ("body", True, True)
    assert causal_checks.keeps_texts_apart(make("llama", USUAL))


def test_a_network_may_end_texts_by_one_of_several_tokens():
    assert not causal_checks.sees_later_tokens(make("llama", {**USUAL, "eos_token_id": [2, 7]}))


def test_a_fault_stays_a_fault():
    seeing = {**BERT, "is_decoder": False}
    for _ in range(2):
        assert causal_checks.sees_later_tokens(make("bert", seeing))
        assert not causal_checks.sees_later_tokens(make("bert", BERT))


def test_a_cap_is_found_in_a_network_whose_logits_are_small():
    model = make("gemma2", {**CAPPED, "initializer_range": 0.01, "final_logit_softcapping": 30.0})
    assert output_layer.selection(model) == ("body", False, True)


def test_texts_without_any_target_leave_one_row():
    ids = torch.arange(8).view(2, 4)
    inputs, mask = causal_checks.unpack(ids, ids % 2, torch.zeros_like(ids, dtype=torch.bool))
    assert inputs["input_ids"].tolist() == [[0]]
    assert not mask.any()
