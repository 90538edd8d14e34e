"""Answers in contexts: SQuAD's scores, transformers' loss, the best span of all windows."""

import itertools
import random

import numpy as np
import pytest
import torch
import transformers
from torchmetrics.text import SQuAD as Reference

from datamodules.answers import agreement, normalized
from datamodules.packaged import load_tokenizer
from datamodules.windows import NOWHERE, OUTSIDE, encode_windows, place_of
from modules import FullFineTuning, LoRA, PromptTuning, QuestionAnswering, load, merging
from modules.exporting import export
from modules.tasks.answer_scores import AnswerScores
from modules.tasks.answer_spans import best_spans
from tests import asked, tiny

# By hand, from the definitions of the scripts of SQuAD 1.1 and 2.0: said, right, and both scores.
RECORDED = [
    ("The Eiffel Tower!", ["eiffel tower"], (1, 1), (1, 1)),
    ("in the year 1999", ["1999", "the year 1999"], (0, 0.8), (0, 0.8)),
    ("a dog, a dog", ["dog"], (0, 2 / 3), (0, 2 / 3)),
    ("", [], (0, 0), (1, 1)),
    ("dog", [], (0, 0), (0, 0)),
    ("", ["dog"], (0, 0), (0, 0)),
    ("the", ["an"], (1, 0), (1, 1)),  # 2.0 leaves such answers out
    ("北京 大学", ["北京"], (0, 2 / 3), (0, 2 / 3)),
    ("U.S.A.", ["usa"], (1, 1), (1, 1)),
    ("“quoted”", ["quoted"], (0, 0), (0, 0)),  # other signs than those of ASCII stay
]


@pytest.mark.parametrize("row", RECORDED, ids=range(len(RECORDED)))
def test_agreement_is_that_of_the_scripts(row):
    said, right, first, second = row
    assert agreement(said, right) == pytest.approx(first)
    assert agreement(said, right, unanswerable=True) == pytest.approx(second)


def test_agreement_is_that_of_torchmetrics():
    draw = random.Random(1)
    words = ["The", "a", "dog", "dog.", "cat!", "an", "It's", "U.S.", "1,000", "北京"]
    for _ in range(60):
        said, *right = (" ".join(draw.choices(words, k=draw.randint(1, 5))) for _ in range(3))
        if not normalized(said):
            continue
        reference = Reference()
        answers = {"text": right, "answer_start": [0, 0]}
        reference.update([{"prediction_text": said, "id": "1"}], [{"answers": answers, "id": "1"}])
        wanted = {name: float(value) / 100 for name, value in reference.compute().items()}
        assert agreement(said, right) == pytest.approx((wanted["exact_match"], wanted["f1"]))


def test_the_loss_is_that_of_transformers(bert, tmp_path):
    module = tiny.make(FullFineTuning, bert, task=QuestionAnswering()).eval()
    batch = asked.read(tmp_path, bert)._rows["train"].__getitems__(list(range(8)))
    assert not batch["attention_mask"].all()  # it has padding, which the reference reads, too
    names = ("input_ids", "attention_mask", "token_type_ids")
    model = transformers.BertForQuestionAnswering.from_pretrained(bert)
    model.load_state_dict(module.model.state_dict())
    with torch.no_grad():
        wanted = model.eval()(
            **{name: batch[name] for name in names},
            start_positions=batch["labels"][:, 0],
            end_positions=batch["labels"][:, 1],
        ).loss
    torch.testing.assert_close(module.task.loss(tiny.logits(module, batch), batch), wanted)


def naive(logits, offsets, longest):
    """Every span of the context, in a loop."""
    found = []
    for first, (start, _) in enumerate(offsets):
        for last in range(first, min(first + longest, len(offsets))):
            if start >= 0 and offsets[last][0] >= 0:
                score = float(logits[first, 0] + logits[last, 1])
                found.append((score, first, last))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("seed", range(4))
def test_the_best_spans_are_those_of_a_loop(seed):
    torch.manual_seed(seed)
    logits = torch.randn(3, 17, 2)
    offsets = torch.full((3, 17, 2), OUTSIDE)
    offsets[:, 0] = NOWHERE
    for row, (start, end) in enumerate([(4, 16), (2, 9), (6, 7)]):
        offsets[row, start:end, 0] = torch.arange(end - start)
        offsets[row, start:end, 1] = torch.arange(end - start) + 1
    found = best_spans(logits, offsets, longest=4, count=5)
    for row in range(3):
        wanted = naive(logits[row], offsets[row].tolist(), 4)[:5]
        held = zip(found.scores[row], found.first[row], found.last[row], strict=True)
        got = [(float(s), int(a), int(b)) for s, a, b in held if s > -torch.inf]
        assert got == [(pytest.approx(s), a, b) for s, a, b in wanted]
    torch.testing.assert_close(found.nowhere, logits[:, 0].sum(-1))


def batch_of(spans, sources, answers, context="w0 w1 w2 w3 w4 w5"):
    """Windows whose best span and score of no answer are given: (first, last, score, nowhere)."""
    offsets = torch.tensor([[NOWHERE, NOWHERE], *([3 * n, 3 * n + 2] for n in range(6))])
    logits = torch.full((len(spans), 7, 2), -50.0)
    for row, (first, last, score, nowhere) in enumerate(spans):
        logits[row, 1 + first, 0] = logits[row, 1 + last, 1] = score / 2
        logits[row, 0] = nowhere / 2
    columns = {"pair": [context] * len(spans), "answers": [answers[n] for n in sources]}
    batch = {"offsets": offsets.expand(len(spans), -1, -1), "sources": torch.tensor(sources)}
    return logits, {**batch, "columns": columns}


SPANS = [(0, 0, 3.0, 9.0), (1, 2, 5.0, 1.0), (3, 3, 4.0, 2.0), (4, 4, 1.0, 3.0), (5, 5, 0.0, 2.0)]
SOURCES = [0, 0, 1, 2, 3]  # the first question has two windows
ANSWERS = [["w1"], ["w3"], [], ["w5"]]


@pytest.mark.parametrize("parts", [[5], [1, 4], [3, 1, 1]])
def test_scores_join_the_windows_of_a_question(parts):
    def scored(score, **settings):
        metric = AnswerScores(score, longest=3, **settings)
        at = 0
        for size in parts:
            part = slice(at, at + size)
            metric.update(*batch_of(SPANS[part], SOURCES[part], ANSWERS))
            at += size
        return float(metric.compute())

    # 1.1: "w1 w2" for w1, w3, w4 for nothing, w5.
    assert scored("exact_match") == pytest.approx(2 / 4)
    assert scored("f1") == pytest.approx((2 / 3 + 1 + 0 + 1) / 4)
    # 2.0: the lowest score of "no answer" of question 0 is 1, 4 below its best span; it is 2 ahead
    # of the best spans of questions 2 and 3.
    both = {"unanswerable": True}
    assert scored("f1", **both) == pytest.approx((2 / 3 + 1 + 1 + 0) / 4)
    assert scored("f1", threshold=2.5, **both) == pytest.approx((2 / 3 + 1 + 0 + 1) / 4)
    assert scored("f1_answerable", **both) == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert scored("accuracy_unanswerable", **both) == 1.0
    assert scored("best_f1", **both) == pytest.approx((2 / 3 + 1 + 1 + 0) / 4)


def test_the_best_threshold_is_that_of_a_loop():
    draw = np.random.default_rng(3)
    for _ in range(5):
        spans = [
            (int(draw.integers(6)),) * 2 + (float(draw.integers(5)), float(draw.integers(5)))
            for _ in range(8)
        ]
        answers = [[f"w{draw.integers(6)}"] if draw.random() < 0.6 else [] for _ in range(8)]
        given = batch_of(spans, list(range(8)), answers)

        def f1(score, threshold=0.0, given=given):
            metric = AnswerScores(score, unanswerable=True, threshold=threshold)
            metric.update(*given)
            return float(metric.compute())

        wanted = max(f1("f1", half - 10.5) for half in range(20))
        assert f1("best_f1") == pytest.approx(wanted)


TEXT = "Der Zug 列车 fährt um 14:30 nach 北京. The dog — it’s 🐶 big — ran away in the 1950s. "


@pytest.mark.parametrize("answer", ["北京", "14:30", "🐶", "fährt", "1950", "dog — it’s"])
def test_offsets_give_the_answer_back(backbone, answer):
    context = TEXT * 3
    start = context.index(answer, len(TEXT))
    tokenizer = load_tokenizer(backbone)
    found = encode_windows(tokenizer, ["wo?"], [context], 64, 12)
    assert len(found.ids) > 2
    assert max(map(len, found.ids)) <= 64
    seen = []
    for ids, offsets in zip(found.ids, found.offsets, strict=True):
        assert len(ids) == len(offsets)
        assert (offsets[:, 0] == NOWHERE).sum() == 1
        if place := place_of(offsets, start, start + len(answer)):
            seen.append(context[offsets[place[0], 0] : offsets[place[1], 1]].strip())
    assert seen
    assert all(answer in text and len(text) <= len(answer) + 1 for text in seen)


def test_windows_cover_the_context(backbone):
    tokenizer = load_tokenizer(backbone)
    context = "warm film " * 60
    found = encode_windows(tokenizer, ["the film", "a tale " * 90], [context] * 2, 48, 10)
    assert found.cut == [False, True]
    for asked_ in (0, 1):
        held = [o for o, n in zip(found.offsets, found.sources, strict=True) if n == asked_]
        places = [set(map(tuple, offsets[offsets[:, 0] >= 0].tolist())) for offsets in held]
        assert len(places) > 3
        assert all(one & two for one, two in itertools.pairwise(places))
        assert max(end for part in places for _, end in part) >= len(context.strip())
    with pytest.raises(ValueError, match=r"^--data.stride 16: windows of 48 tokens can share 1\d"):
        encode_windows(tokenizer, ["the film"], [context], 48, 16)


@pytest.mark.quick_if(lambda case: case["strategy"] is LoRA)
@pytest.mark.parametrize("strategy", [FullFineTuning, LoRA, PromptTuning])
def test_it_learns_and_its_export_answers(strategy, backbone, tmp_path):
    data = asked.read(tmp_path / "data", backbone)
    task = QuestionAnswering(unanswerable=data.unanswerable)
    module = tiny.make(strategy, backbone, task=task, learning_rate=1e-2, schedule="constant")
    tiny.fit(module.train(), data, max_epochs=3)
    again = load(export(module, tmp_path / "export"))
    pairs = [("the film", "a warm film " * 30), ("a tale", "a cold tale")]
    said = again.predict(pairs)
    assert said == module.eval().predict(pairs)
    assert again.predict([{"question": q, "context": c} for q, c in pairs]) == said
    alone = again.predict(pairs[::-1], batch_tokens=1)[::-1]  # padding decides nothing
    assert [one["answer"] for one in alone] == [one["answer"] for one in said]
    for one, (_, context) in zip(again.predict(pairs, answers=4), pairs, strict=True):
        assert [row["score"] for row in one] == sorted((r["score"] for r in one), reverse=True)
        for row in one:
            assert row["answer"] == (
                "" if row["start"] is None else context[row["start"] : row["end"]]
            )
    with pytest.raises(ValueError, match="text 2 of 2: the question is empty"):
        again.predict([pairs[0], (" ", "a tale")])


def test_a_decoder_keeps_its_weights(llama):
    """transformers' own class for questions leaves a Llama random: its network has another name."""
    module = tiny.make(FullFineTuning, llama, task=QuestionAnswering())
    held = transformers.LlamaForCausalLM.from_pretrained(llama).model.state_dict()
    ours = module.model.base_model.state_dict()
    assert held.keys() == ours.keys()
    assert all(torch.equal(ours[name], value) for name, value in held.items())
    assert module.model.new_parameters == ["qa_outputs.bias", "qa_outputs.weight"]


def test_an_adapter_reads_which_token_is_of_the_context(bert):
    """As without one, and so do what is merged and what peft opens."""
    module = tiny.make(LoRA, bert, task=QuestionAnswering()).eval()
    ids = torch.tensor([[2, 7, 3, 8, 9, 3]])
    types = torch.tensor([[0, 0, 0, 1, 1, 1]])
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": types}
    with_types = tiny.logits(module, batch)
    assert not torch.equal(with_types, tiny.logits(module, batch | {"token_type_ids": types * 0}))
    torch.testing.assert_close(with_types, module.task.logits(merging.merged(module), batch))
