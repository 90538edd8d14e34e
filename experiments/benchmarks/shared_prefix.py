"""How much faster is in-context scoring when the examples are read once?

    python -m experiments.benchmarks.shared_prefix
    python -m experiments.benchmarks.shared_prefix --rows 200 --shots 8

The same sentences and examples, three ways in turns: every prompt and answer anew (as a plain
harness does), every prompt anew with its answers together, and with the keys and values of the
examples kept. Prints seconds, ratios and the largest difference between the scores.
"""

import argparse
import time

import torch

from datamodules import SST2
from modules import InContext, PromptedClassification
from modules.prompting.scoring import collate
from modules.prompting.templates import Prompt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="smollm2")
    parser.add_argument("--rows", type=int, default=96, help="sentences of the validation split")
    parser.add_argument("--shots", type=int, default=8)
    parser.add_argument("--batch", type=int, default=24, help="sentences in a batch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    asked = parser.parse_args()
    task = PromptedClassification(labels=["negative", "positive"])
    module = InContext(backbone=asked.backbone, task=task, shots=asked.shots)
    if asked.precision == "bf16":
        module.model.bfloat16()
    data = SST2(source="bundled", tokenizer=asked.backbone)
    data.setup("validate")
    module.meet(data)
    lead = module.lead(module.chosen)
    texts = sorted(data.texts_of("validation")["text"][: asked.rows], key=len)
    prompts = [task.prompt({"text": text}, lead) for text in texts]
    tokens = len(task.tokenizer(lead)["input_ids"])
    print(f"{asked.shots} examples, {tokens} tokens; {len(texts)} sentences, {asked.precision}")

    @torch.no_grad()
    def score(way: str) -> tuple[float, torch.Tensor]:
        prefix, module.prefix.ids = module.prefix, None  # what earlier rounds read is forgotten
        found, began = [], time.perf_counter()
        for start in range(0, len(prompts), asked.batch):
            part = prompts[start : start + asked.batch]
            if way == "each":
                words = [_scored(module, task, part, [word]) for word in task.words]
                found.append(torch.cat(words, 1))
            else:
                kept = prefix if way == "kept" else None
                found.append(_scored(module, task, part, task.words, kept))
        return time.perf_counter() - began, torch.cat(found)

    ways = {"each": "each prompt and answer", "prompt": "each prompt", "kept": "examples kept"}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    scores: dict[str, torch.Tensor] = {}
    for _ in range(asked.rounds):
        for way in ways:
            spent, scores[way] = score(way)
            seconds[way].append(spent)
    best = min(seconds["kept"])
    for way, name in ways.items():
        off = (scores[way] - scores["kept"]).abs().max()
        least = min(seconds[way])
        print(f"{name:<24}{least:8.2f} s{least / best:8.2f} x   largest difference {off:.1e}")


def _scored(module, task, prompts: list[Prompt], words: list[str], prefix=None) -> torch.Tensor:
    from modules.prompting import scoring

    encoded = scoring.causal(task.tokenizer, prompts, words)
    batch = collate(encoded, task.tokenizer.eos_token_id)
    return scoring.scores(module.model, batch, task.normalize, prefix)


if __name__ == "__main__":
    main()
