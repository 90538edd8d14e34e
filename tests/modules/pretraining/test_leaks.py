"""What must not be seen is not seen."""

import pytest
import torch

from modules import (
    CausalLM,
    NextSentencePrediction,
    PermutationLM,
    ReplacedTokenDetection,
    SentenceOrderPrediction,
    SpanCorruption,
)
from modules.masking import noise_spans
from modules.pretraining.detection import sample_tokens
from modules.pretraining.pairs import make_pairs
from modules.pretraining.permutations import permutation_mask, target_mapping
from tests import stories

FAMILIES = ["modernbert-decoder", "gpt2", "llama"]


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("document_masking", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_causal_sees_neither_the_future_nor_other_documents(path, family, document_masking):
    module = stories.make(CausalLM, path, family=family, document_masking=document_masking).eval()
    ids = torch.randint(10, 300, (1, 30), generator=draw())
    documents = torch.tensor([[0] * 9 + [1] * 14 + [2] * 7])
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "document_ids": documents}

    def logits(ids):
        inputs = module.corrupt({**batch, "input_ids": ids}, draw())["inputs"]
        with torch.no_grad():
            return module.model(**inputs).logits[0]

    before = logits(ids)
    for place in (0, 5, 9, 15, 22, 25):
        other = ids.clone()
        other[0, place] = (ids[0, place] + 7) % 300
        moved = (logits(other) != before).any(-1)
        assert not moved[:place].any()
        assert moved[place]
        elsewhere = documents[0] != documents[0, place]
        assert bool((moved & elsewhere).any()) == (not document_masking and place < 23)
        same = ~elsewhere & (torch.arange(30) >= place)
        assert moved[same].all()


def test_an_isolated_document_is_as_if_alone(path):
    module = stories.make(CausalLM, path, document_masking=True).eval()
    ids = torch.randint(10, 300, (1, 23), generator=draw())
    documents = torch.tensor([[0] * 9 + [1] * 14])

    def example(ids, documents):
        mask = torch.ones_like(ids)
        batch = {"input_ids": ids, "attention_mask": mask, "document_ids": documents}
        return module.corrupt(batch, draw())

    whole = example(ids, documents)
    assert not whole["target_mask"][0, 8]
    assert not whole["target_mask"][0, 22]
    with torch.no_grad():
        together = module.model(**whole["inputs"]).logits[0, 9:]
        alone = module.model(**example(ids[:, 9:], documents[:, 9:])["inputs"]).logits[0]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("length", [17, 24])  # odd rows too
@pytest.mark.parametrize("seed", range(4))
def test_permutation_sees_only_what_came_before_in_the_order(path, length, seed):
    module = stories.make(PermutationLM, path, probability=0.4).eval()
    ids = torch.randint(10, 300, (1, length), generator=draw(seed))
    mask = torch.ones_like(ids)
    example = module.corrupt({"input_ids": ids, "attention_mask": mask}, draw(seed))
    inputs, targets = example["inputs"], example["target_mask"].sum()
    places = inputs["target_mapping"][0].argmax(-1)[: int(targets)]
    hides = inputs["perm_mask"][0].bool()
    assert hides[places, places].all()

    def logits(ids):
        with torch.no_grad():
            return module.model(**{**inputs, "input_ids": ids}).logits[0]

    before = logits(inputs["input_ids"])[: len(places)]
    for number, place in enumerate(places.tolist()):
        other = inputs["input_ids"].clone()
        other[0, place] = (other[0, place] + 7) % 300
        moved = (logits(other)[: len(places)] != before).any(-1)
        assert not moved[number]
        assert torch.equal(moved, ~hides[places, place])  # later ones see it, earlier ones do not


def test_the_order_is_strict_and_context_is_seen_by_all():
    order = torch.rand(50, 11, generator=draw())
    targets = torch.rand(50, 11, generator=draw(1)) < 0.4
    hides = permutation_mask(order, targets)
    for row in range(50):
        chosen = targets[row].nonzero()[:, 0].tolist()
        for place in range(11):
            for seen in range(11):
                if seen not in chosen:
                    wanted = False
                elif place not in chosen:
                    wanted = True
                else:
                    wanted = bool(order[row, seen] >= order[row, place])
                assert bool(hides[row, place, seen]) == wanted
    one_hot, real = target_mapping(targets)
    assert torch.equal(one_hot[real].argmax(-1), targets.nonzero()[:, 1])


@pytest.mark.parametrize("together", [False, True])
def test_generator_learns_nothing_from_the_discriminator(path, together):
    module = stories.make(ReplacedTokenDetection, path, shared_gradients=together)
    data = stories.corpus(path, ReplacedTokenDetection)
    batch = next(iter(data.train_dataloader()))
    module.losses(module.corrupt(batch, draw()))["detection_loss"].backward()
    embeddings = module.generator.get_input_embeddings().weight
    assert embeddings is module.generator.get_output_embeddings().weight
    own = [p for p in module.generator.parameters() if p is not embeddings]
    assert own
    assert all(p.grad is None or not p.grad.any() for p in own)
    assert module.model.get_input_embeddings().weight.grad.any()
    assert (embeddings.grad is not None) == together
    assert (module.model.get_input_embeddings().weight is embeddings) == together


def test_sampling_has_the_distribution_of_the_logits():
    logits = torch.tensor([2.0, 0.0, -1.0, 1.0, -30.0])
    drawn = sample_tokens(logits.expand(100_000, 5), torch.rand(100_000, generator=draw()))
    shares = torch.bincount(drawn, minlength=5) / 100_000
    torch.testing.assert_close(shares, logits.softmax(0), atol=0.006, rtol=0)


def test_what_spans_hid_is_in_the_targets_alone(path):
    module = stories.make(SpanCorruption, path, row_tokens=40)
    ids = torch.randint(10, 300, (6, 40), generator=draw())
    lengths = torch.tensor([40, 40, 33, 12, 3, 2])
    mask = (torch.arange(40) < lengths[:, None]).long()
    example = module.corrupt({"input_ids": ids, "attention_mask": mask}, draw())
    sentinels, end = set(module.sentinels.tolist()), module.tokenizer.eos_token_id
    targets = torch.full(example["target_mask"].shape, -1)
    targets = targets.masked_scatter(example["target_mask"], example["targets"])
    for row in range(6):
        there = example["inputs"]["attention_mask"][row].bool()
        seen = example["inputs"]["input_ids"][row][there].tolist()
        told = [token for token in targets[row].tolist() if token >= 0]
        assert seen.pop() == told.pop() == end
        spans, whole = {}, []
        for token in told:
            if token in sentinels:
                spans[token] = []
            else:
                spans[list(spans)[-1]].append(token)
        assert list(spans) == module.sentinels[: len(spans)].tolist()
        for token in seen:
            whole += spans.pop(token) if token in sentinels else [token]
        assert not spans
        assert whole == ids[row, : lengths[row]].tolist()


def test_spans_have_the_density_and_the_mean_length_of_t5():
    lengths = torch.full((5000,), 100)
    noise = noise_spans(lengths, 100, 0.15, 3.0, draw())
    assert (noise.sum(1) == 15).all()
    starts = noise & ~torch.nn.functional.pad(noise, (1, 0))[:, :-1]
    assert (starts.sum(1) == 5).all()
    assert not noise[:, 0].any()
    assert noise[:, -1].all()
    middle = noise[:, 20:70].float().mean(0)  # a row ends with noise and begins without
    assert middle.min() > 0.11
    assert middle.max() < 0.16


@pytest.mark.parametrize("objective", [NextSentencePrediction, SentenceOrderPrediction])
def test_pairs_are_what_their_labels_say(path, objective):
    module, data = stories.make(objective, path), stories.corpus(path, objective)
    tokenizer, seen = module.tokenizer, {0: 0, 1: 0, -100: 0}
    separator, end = tokenizer.sep_token_id, tokenizer.eos_token_id
    for number, batch in enumerate(data.train_dataloader()):
        swap = objective is SentenceOrderPrediction
        inputs, labels = make_pairs(batch, tokenizer, draw(number), swap)
        rows = {}
        for row in range(len(labels)):
            clean = batch["input_ids"][row][batch["attention_mask"][row].bool()].tolist()
            cut = int(batch["boundary"][row])
            parts = [clean[:cut], clean[cut:]] if cut else [clean, []]
            rows[row] = [[t for t in part if t != end] for part in parts]
        for row, label in enumerate(labels.tolist()):
            seen[label] += 1
            ids = inputs["input_ids"][row][inputs["attention_mask"][row].bool()].tolist()
            assert ids[0] == tokenizer.cls_token_id
            assert ids[-1] == separator
            assert end not in ids
            stops = [place for place, token in enumerate(ids) if token == separator]
            first, second = ids[1 : stops[0]], ids[stops[0] + 1 : stops[-1]]
            types = inputs["token_type_ids"][row][: len(ids)].tolist()
            assert types == [0] * (stops[0] + 1) + [1] * (len(ids) - stops[0] - 1)
            if label == 1 and swap:
                assert [second, first] == rows[row]
                continue
            assert first == rows[row][0]
            if label == 1:
                documents = batch["document_ids"][:, 0]
                others = [rows[r][1] for r in rows if documents[r] != documents[row]]
                assert any(other[: len(second)] == second for other in others)
            elif label == 0 and not swap:
                assert second == rows[row][1][: len(second)]
            else:
                assert second == rows[row][1]
            assert second or label == -100
    assert seen[0] > 10
    assert seen[1] > 10
    assert seen[-100] > 0


def test_length_of_a_pair_does_not_tell_its_label(path):
    """A table of lengths, made of one half of 19,200 rows, guesses the other half's labels."""
    tokenizer, generator = stories.make(NextSentencePrediction, path).tokenizer, draw()
    told = torch.zeros(2, 65, 2)
    for number in range(300):
        lengths = torch.randint(8, 65, (64,), generator=generator)
        mask = torch.arange(64) < lengths[:, None]
        batch = {
            "input_ids": torch.full((64, 64), 9).where(mask, 0),
            "attention_mask": mask.long(),
            "document_ids": torch.arange(64)[:, None].expand(64, 64),
            "boundary": (torch.rand(64, generator=generator) * (lengths - 2)).long() + 1,
        }
        inputs, labels = make_pairs(batch, tokenizer, draw(number), swap=False)
        assert (labels >= 0).all()
        size = inputs["attention_mask"].sum(1) - 3
        told[number % 2].index_put_((size, labels), torch.ones(64), accumulate=True)
    guesses = told[0].argmax(1)
    right = told[1].gather(1, guesses[:, None]).sum() / told[1].sum()
    assert abs(right - 0.5) < 0.02, right
