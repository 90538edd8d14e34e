"""Scores of answers against a naive computation, token by token."""

import pytest
import torch
import transformers

from modules.prompts import scoring
from modules.prompts.prefix_cache import PrefixCache
from modules.prompts.templates import Prompt

PROMPTS = [
    Prompt("a warm tale of the year\nIt was "),
    Prompt("stupid"),
    Prompt("a gripping film and a dull film\n"),
    Prompt("the best film of the year, it was"),
]
# One token behind another, several, a word whose start is another word, and none in common.
WORDS = ["clever", "a warm tale", "a dull tale", "warm", "q"]
LONG = "a dull film\nIt was stupid\n\nthe best film\nIt was clever\n\n"


@pytest.fixture(scope="module")
def decoder(llama):
    model = transformers.AutoModelForCausalLM.from_pretrained(llama).eval()
    return model, transformers.AutoTokenizer.from_pretrained(llama)


@pytest.fixture(scope="module")
def encoder(bert):
    torch.manual_seed(3)
    model = transformers.AutoModelForMaskedLM.from_pretrained(bert).eval()
    return model, transformers.AutoTokenizer.from_pretrained(bert)


@torch.no_grad()
def naive(model, tokenizer, prompt: Prompt, word: str) -> list[float]:
    """The answer's log-probabilities, one token at a time and one text at a time."""
    ids = tokenizer(prompt.context, add_special_tokens=False)["input_ids"]
    ids, found = ids or [tokenizer.eos_token_id], []
    for token in tokenizer(prompt.separator + word, add_special_tokens=False)["input_ids"]:
        logits = model(torch.tensor([ids])).logits[0, -1].double()
        found.append(float(logits.log_softmax(0)[token]))
        ids = [*ids, token]
    return found


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("shared", [False, True])
def test_a_decoders_scores_are_those_of_a_naive_computation(decoder, normalize, shared):
    model, tokenizer = decoder
    prompts = [Prompt(LONG * shared + p.before) for p in PROMPTS]
    batch = scoring.collate(scoring.encode_causal(tokenizer, prompts, WORDS), 0)
    prefix = PrefixCache() if shared else None
    with torch.no_grad():
        got = scoring.answer_log_likelihoods(model, batch, normalize, prefix)
    wanted = [[naive(model, tokenizer, p, word) for word in WORDS] for p in prompts]
    sizes = {len(tokens) for row in wanted for tokens in row}
    assert len(sizes) > 2  # or the normalisation says nothing
    if shared:
        size = len(tokenizer(LONG.rstrip("\n"))["input_ids"])
        assert len(prefix.ids) >= size
    wanted = [[sum(t) / (len(t) if normalize else 1) for t in row] for row in wanted]
    torch.testing.assert_close(got.double(), torch.tensor(wanted).double(), atol=1e-5, rtol=1e-5)


def test_the_prefix_of_one_batch_serves_the_next(decoder):
    """It shrinks to what they share, starts anew for another, and numbers stay the same."""
    model, tokenizer = decoder
    prefix, calls, sizes = PrefixCache(), [], []
    hook = model.register_forward_pre_hook(
        lambda m, a, kw: calls.append(kw["input_ids"].shape[0]), with_kwargs=True
    )
    texts = [LONG + "a warm tale", LONG + "a cold tale", LONG + "stupid", "the year" * 9]
    for text in texts:
        batch = scoring.collate(scoring.encode_causal(tokenizer, [Prompt(text)], WORDS[:2]), 0)
        with torch.no_grad():
            calls.clear()
            got = scoring.answer_log_likelihoods(model, batch, True, prefix)
            sizes.append((len(calls), len(prefix.ids)))
            torch.testing.assert_close(
                got, scoring.answer_log_likelihoods(model, batch), atol=1e-5, rtol=1e-5
            )
    hook.remove()
    base = len(tokenizer(LONG)["input_ids"])
    assert [count for count, _ in sizes] == [2, 1, 1, 2]  # the prefix, and the rest
    assert sizes[0][1] > sizes[1][1] >= sizes[2][1] >= base - 2


def test_answers_that_differ_in_their_last_token_share_a_row(decoder):
    _, tokenizer = decoder
    first, second = scoring.encode_causal(
        tokenizer, [Prompt("a film", ""), Prompt("film\n")], ["q", "z"]
    )
    assert len(first.rows) == len(second.rows) == 1
    spelt = [tokenizer.convert_ids_to_tokens(t[2]) for t in second.targets]
    assert spelt == ["q", "z"]  # at the start of a line there is no space


def test_a_boundary_that_the_tokenizer_merges_belongs_to_the_answer(decoder):
    """The probability of the whole text is that of the context and that of the answer."""
    _model, tokenizer = decoder
    joined = tokenizer("clever")["input_ids"]
    split = tokenizer("cl")["input_ids"] + tokenizer("ever")["input_ids"]
    assert joined != split
    prompt = Prompt("a cl")
    prompt_type = type("Glued", (Prompt,), {"separator": ""})
    (found,) = scoring.encode_causal(tokenizer, [prompt_type(*prompt)], ["ever", "ay"])
    whole = tokenizer("a clever")["input_ids"]
    row, places = found.rows[found.targets[0][0]], [t for t in found.targets if t[3] == 0]
    assert row[: places[0][1] + 1] + [t[2] for t in places] == whole


@pytest.mark.parametrize("normalize", [True, False])
def test_an_encoders_scores_are_those_of_a_naive_cloze(encoder, normalize):
    model, tokenizer = encoder
    prompts = [Prompt("a warm tale, it was ", "."), Prompt("dull", " film [MASK]!"), Prompt("a\n")]
    words = ["clever", "qz", "warm", "xyz"]
    batch = scoring.collate(scoring.encode_cloze(tokenizer, prompts, words), tokenizer.pad_token_id)
    with torch.no_grad():
        got = scoring.answer_log_likelihoods(model, batch, normalize)
    wanted = []
    for prompt in prompts:
        row = []
        for word in words:
            tokens = tokenizer(word, add_special_tokens=False)["input_ids"]
            ids = tokenizer(prompt.before, add_special_tokens=False)["input_ids"]
            first = 1 + len(ids)
            ids = ids + [tokenizer.mask_token_id] * len(tokens)
            ids += tokenizer(prompt.after, add_special_tokens=False)["input_ids"]
            ids = [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]
            with torch.no_grad():
                logs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            each = [float(logs[first + n, token]) for n, token in enumerate(tokens)]
            row.append(sum(each) / (len(each) if normalize else 1))
        wanted.append(row)
    torch.testing.assert_close(got, torch.tensor(wanted), atol=1e-5, rtol=1e-5)


def test_scores_of_many_prompts_keep_their_order(decoder):
    model, tokenizer = decoder
    asked = [p.before for p in PROMPTS * 3] + [PROMPTS[1]]
    got = scoring.label_scores(model, tokenizer, asked, WORDS[:3], batch_tokens=40)
    for number in (0, 1, 5, 12):
        alone = scoring.label_scores(model, tokenizer, asked[number : number + 1], WORDS[:3])
        torch.testing.assert_close(got[number], alone[0], atol=1e-5, rtol=1e-5)
    assert got.shape == (13, 3)
    assert len({tuple(row) for row in got[:4].tolist()}) == 4


def test_the_sum_over_a_vocabulary_is_in_fp32(decoder):
    model, tokenizer = decoder
    batch = scoring.collate(scoring.encode_causal(tokenizer, PROMPTS, WORDS), 0)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        got = scoring.answer_log_likelihoods(model, batch)
    assert got.dtype == torch.float32
    with torch.no_grad():
        torch.testing.assert_close(
            got, scoring.answer_log_likelihoods(model, batch), atol=0.05, rtol=0.05
        )
