"""How much faster is in-context scoring if the examples are read once?

    python -m experiments.benchmarks.prefix_cache
    python -m experiments.benchmarks.prefix_cache --shots 8 --precision bf16

Scores the same sentences after the same examples in three ways: each prompt and answer anew, each
prompt anew with its answers together, and with stored keys and values of the examples.
"""

import argparse
import time

import torch

from datamodules import SST2
from modules import InContext, PromptedClassification
from modules.prompts import scoring
from modules.prompts.prefix_cache import PrefixCache
from modules.prompts.templates import Prompt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="smollm2")
    parser.add_argument("--rows", type=int, default=96, help="Validation sentences (96)")
    parser.add_argument("--shots", type=int, default=4, help="Examples before each sentence (4)")
    parser.add_argument("--batch", type=int, default=24, help="Sentences of a batch (24)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="Number of rounds; the quickest counts (3)"
    )
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="fp32")
    asked = parser.parse_args()
    task = PromptedClassification(labels=["negative", "positive"])
    module = InContext(backbone=asked.backbone, task=task, shots=asked.shots)
    if asked.precision == "bf16":
        module.model.bfloat16()
    data = SST2(source="bundled", tokenizer=asked.backbone)
    data.setup("validate")
    module.attach_datamodule(data)
    lead = module.examples.prefix(module.examples.chosen)
    texts = data.texts_of("validation")["text"]
    texts = sorted(texts[:: len(texts) // asked.rows][: asked.rows], key=len)
    prompts = [task.prompt({"text": text}, lead) for text in texts]
    tokens = len(task.tokenizer(lead)["input_ids"])
    print(f"{asked.shots} examples, {tokens} tokens; {len(texts)} sentences, {asked.precision}")

    @torch.no_grad()
    def score(part: list[Prompt], words: list[str], prefix: PrefixCache | None) -> torch.Tensor:
        encoded = scoring.encode_causal(task.tokenizer, part, words)
        batch = scoring.collate(encoded, task.tokenizer.eos_token_id)
        return scoring.answer_log_likelihoods(module.model, batch, prefix_cache=prefix)

    def run(way: str) -> torch.Tensor:
        prefix, found = PrefixCache() if way == "examples kept" else None, []
        for start in range(0, len(prompts), asked.batch):
            part = prompts[start : start + asked.batch]
            groups = [[word] for word in task.words] if "answer" in way else [task.words]
            found.append(torch.cat([score(part, words, prefix) for words in groups], 1))
        return torch.cat(found)

    seconds = {way: [] for way in ("each prompt and answer", "each prompt", "examples kept")}
    scores = {}
    for _ in range(asked.rounds):
        for way, spent in seconds.items():
            began = time.perf_counter()
            scores[way] = run(way)
            spent.append(time.perf_counter() - began)
    for way, spent in seconds.items():
        times = min(spent) / min(seconds["examples kept"])
        off = float((scores[way] - scores["examples kept"]).abs().max())
        same = (scores[way].argmax(1) == scores["examples kept"].argmax(1)).float().mean()
        print(
            f"{way:<22}  {min(spent):7.2f} s  {times:5.2f} times  "
            f"scores differ by at most {off:.1e}, answers agree on {float(same):.1%}"
        )


if __name__ == "__main__":
    main()
