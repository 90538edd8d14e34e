"""InContext: which examples stand in a prompt, and how it is computed."""

import json

import pytest
import torch

from modules import InContext
from tests import tiny
from tests.modules.prompting.questions import WORDS, both, scores_of, task, validated


def test_the_instruction_comes_once_and_first(llama, reviews):
    module = InContext(backbone=llama, task=task(instruction="Say what it is."), shots=2)
    module.task.max_prompt_tokens = 1000
    module.attach_datamodule(tiny.read(reviews, llama))
    (lead,) = module.demonstration_prefixes({"index": torch.tensor([0])})
    prompt = module.task.prompt({"text": "warm"}, lead)
    assert prompt.before.count("Say what it is.") == 1
    assert prompt.before.startswith("Say what it is.\n\n")
    assert prompt.before.endswith("\n\nwarm\nIt is")
    assert prompt.before.count("\nIt is") == 3


@pytest.mark.parametrize("selection", ["random", "balanced", "bm25", "embeddings"])
@both
def test_demonstrations_are_training_rows_with_their_own_labels(
    model, selection, reviews, bert, tmp_path
):
    """No validation row gets into a prompt, even where the nearest are looked for."""
    for split in ("train", "dev", "test"):
        rows = [json.loads(line) for line in (reviews / f"{split}.jsonl").read_text().splitlines()]
        for number, row in enumerate(rows):
            row["text"] += f" {split} {number}"
        lines = map(json.dumps, rows)
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines))
    data = tiny.read(tmp_path, model, max_length=24)
    module = InContext(backbone=model, task=task(), shots=2, selection=selection, embedder=bert)
    module.task.max_prompt_tokens, asked = 10_000, []

    def watched(batch, training, leads):
        rows = zip(batch["columns"]["text"], leads, strict=True)
        asked.extend(module.task.prompt({"text": text}, lead).before for text, lead in rows)
        return batch

    module.task.prepare = watched
    module._scores = lambda batch: torch.zeros(len(batch["index"]), 2)
    validated(module, data)
    split = data.dataset.splits["train"]
    known = {text.split(" train ")[1].split()[0]: n for n, text in enumerate(split.texts)}
    names = [WORDS["negative"], WORDS["positive"]]
    assert len(asked) == 8
    for prompt in asked:
        *solved, own = prompt.split("\n\n")
        assert len(solved) == 2
        assert " dev " in own
        for example in solved:
            text, answer = example.split("\nIt is ")
            assert " train " in text
            assert " dev " not in text
            assert " test " not in text
            row = known[text.split(" train ")[1]]
            assert answer == names[split.labels[row]]


def test_keys_and_values_of_the_examples_are_computed_once(llama, reviews):
    data = tiny.read(reviews, llama, batch_size=3)
    module = InContext(backbone=llama, task=task(), shots=2)
    module.task.max_prompt_tokens = 1000
    widths = []
    module.model.register_forward_pre_hook(
        lambda m, a, kw: widths.append(tuple(kw["input_ids"].shape)), with_kwargs=True
    )
    got, _ = scores_of(module, data)
    (prefix,) = [shape for shape in widths if shape[0] == 1 and shape[1] > 20]
    assert len(widths) == 4
    assert max(w for b, w in widths if b > 1) < prefix[1]
    anew = InContext(backbone=llama, task=task(), shots=2)
    anew.task.max_prompt_tokens, anew.prefix = 1000, None
    wanted, _ = scores_of(anew, data)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


def test_seeds_draw_other_examples_and_the_same_seed_the_same(llama, reviews):
    data = tiny.read(reviews, llama, max_length=10)
    chosen = []
    for seed in (0, 1, 0):
        module = InContext(backbone=llama, task=task(), shots=2, seed=seed)
        module.attach_datamodule(data)
        chosen.append(module.examples.chosen)
    assert chosen[0] == chosen[2] != chosen[1]
