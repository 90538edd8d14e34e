"""What ALBERT's table 5 says: who learned order knows it, who learned topics does not."""

import pytest
import torch

from modules import NextSentencePrediction, SentenceOrderPrediction
from tests import stories

EARLY, LATE, TOPIC = range(20, 60), range(60, 100), range(100, 180)


def batch_of(generator: torch.Generator, rows: int = 48) -> dict[str, torch.Tensor]:
    """Documents of a topic: two of its words, then four early ones; two again, then four late."""

    def words(among: range) -> torch.Tensor:
        return torch.randint(among[0], among[-1] + 1, (rows, 4), generator=generator)

    topic = TOPIC[0] + 10 * torch.randint(len(TOPIC) // 10, (rows, 1), generator=generator)
    own = [topic + torch.randint(10, (rows, 2), generator=generator) for _ in "ab"]
    ids = torch.cat([own[0], words(EARLY), own[1], words(LATE)], 1)
    documents = torch.arange(rows)[:, None].expand_as(ids)
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "document_ids": documents,
        "boundary": torch.full((rows,), 6),
    }


def trained(objective, path, steps):
    module = stories.make(objective, path, row_tokens=12, family="bert").train()
    optimizer = torch.optim.AdamW(module.parameters(), 1e-3)
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        out, _ = module._step(batch_of(generator), step)
        optimizer.zero_grad()
        out["loss"].backward()
        optimizer.step()
    return module.eval()


@pytest.mark.slow
def test_order_is_learned_by_sop_and_not_by_nsp(path):
    right = {}
    for objective, steps in ((SentenceOrderPrediction, 300), (NextSentencePrediction, 900)):
        module = trained(objective, path, steps)
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
