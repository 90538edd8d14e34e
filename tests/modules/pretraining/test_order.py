"""What ALBERT's table 5 says: who learned order knows it, who learned topics does not."""

import pytest
import torch

from modules import NextSentencePrediction, SentenceOrderPrediction
from tests import stories

EARLY, LATE, TOPICS = range(20, 60), range(60, 100), range(100, 103)


def batch_of(generator: torch.Generator, rows: int = 48) -> dict[str, torch.Tensor]:
    """Documents of a topic: its word twice, then four early words; again, then four late ones.

    Rows of one topic are of one document, so that a segment of another is always of another topic.
    With few topics that is learned soon.
    """

    def words(among: range) -> torch.Tensor:
        return torch.randint(among[0], among[-1] + 1, (rows, 4), generator=generator)

    topic = torch.randint(TOPICS[0], TOPICS[-1] + 1, (rows, 1), generator=generator)
    own = topic.expand(rows, 2)
    ids = torch.cat([own, words(EARLY), own, words(LATE)], 1)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "document_ids": topic.expand_as(ids),
        "boundary": torch.full((rows,), 6),
    }


def trained(objective, path, own_accuracy, enough):
    """Until it does what it is trained for: how many steps that takes is for the dice."""
    module = stories.make(objective, path, row_tokens=12, family="bert").train()
    optimizer = torch.optim.AdamW(module.parameters(), 1e-3)
    recent = []
    for step in range(1500):
        generator = torch.Generator().manual_seed(step)
        out, _ = module._step(batch_of(generator), step)
        optimizer.zero_grad()
        out["loss"].backward()
        optimizer.step()
        recent = [*recent[-19:], float(out[own_accuracy])]
        if len(recent) == 20 and sum(recent) / 20 > enough:
            break
    return module.eval()


@pytest.mark.slow
def test_order_is_learned_by_sop_and_not_by_nsp(path):
    right = {}
    goals = (
        (SentenceOrderPrediction, "sop_accuracy", 0.99),
        (NextSentencePrediction, "nsp_accuracy", 0.9),
    )
    for objective, own_accuracy, enough in goals:
        module = trained(objective, path, own_accuracy, enough)
        for task in (SentenceOrderPrediction, NextSentencePrediction):
            judge = stories.make(task, path, row_tokens=12, family="bert").eval()
            judge.load_state_dict(module.state_dict())  # the same network, asked another question
            with torch.no_grad():
                batch = batch_of(torch.Generator().manual_seed(10**6), 400)
                out, _ = judge._step(batch, 7)
            name = "sop_accuracy" if task is SentenceOrderPrediction else "nsp_accuracy"
            right[objective.__name__, name] = float(out[name])
    assert right["SentenceOrderPrediction", "sop_accuracy"] > 0.95, right
    assert right["NextSentencePrediction", "nsp_accuracy"] > 0.8, right
    assert right["NextSentencePrediction", "sop_accuracy"] < 0.6, right
    assert (
        right["SentenceOrderPrediction", "sop_accuracy"]
        > right["NextSentencePrediction", "sop_accuracy"]
    )
