"""What does a fine-tuned model answer? Talk to it in the terminal.

    python experiments/tools/chat.py last         # the newest run whose export can answer
    python experiments/tools/chat.py outputs/instruction_tuning/RUN/export
    python experiments/tools/chat.py smollm2      # the model before fine-tuning
    echo "Name three fruits." | python experiments/tools/chat.py last
    python experiments/tools/chat.py outputs/pretrain/RUN --raw --prompt few_shot.txt

Ctrl-C stops an answer, Ctrl-D ends the chat. A line that begins with three double quotes opens a
text of several lines, which three more end. Each line from a pipe is a question; only the answers
are printed. With --raw there is no chat: the model, which needs no chat template, goes on after the
text; all of a pipe is one text. A line break at its very end is left out. What the model's own
generation config asks for, such as a repetition penalty, is named and not used.
"""

import argparse
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from experiments.common.arguments import FlagParser, at_least_one
from experiments.common.exits import guarded
from experiments.common.shell import command_name
from experiments.tools.chat_input import Stop, questions

if TYPE_CHECKING:
    from experiments.tools.chat_model import ChatModel


def main() -> None:
    """Answers questions from the terminal, a pipe or a file until they end."""
    with guarded(command_name()):
        asked = _parse()
        from experiments.tools.chat_model import open_export  # with torch, which --help spares

        speaker = open_export(asked.model, asked.output, asked.template, asked.raw)
        if ignored := speaker.ignored():
            print(f"note   its generation config is not used: {ignored}", file=sys.stderr)
        if asked.system and hasattr(speaker, "task"):
            raise ValueError(f"--system: {asked.model} answers by the template of its own task")
        stop = Stop()
        if sys.stdin.isatty() and not asked.prompt:
            how = f"{speaker.name}: Ctrl-C stops an answer, Ctrl-D ends"
            print(f'{how}; """ begins and ends a text of several lines', file=sys.stderr)
            signal.signal(signal.SIGINT, stop)
        converse(speaker, asked, questions(asked, stop), stop)


def _parse() -> argparse.Namespace:
    parser = FlagParser(__doc__)
    add = parser.add_argument
    add("model", help="Model to talk to: last, a run's id, a folder with an export, or smollm2")
    add("--raw", action="store_true", help="Go on after the text, without a chat template")
    add("--prompt", metavar="FILE", help="File whose whole text is the only question")
    add("--system", help="System message at the start of the chat (none)")
    add(
        "--template",
        default="tokenizer",
        help="Chat template: tokenizer (its own), plain (ours), or a file (tokenizer)",
    )
    add("--max_new_tokens", type=int, default=256, help="Most tokens of an answer (256)")
    add(
        "--temperature",
        type=float,
        default=0.7,
        help="Temperature of sampling; 0 takes the likeliest token (0.7)",
    )
    add(
        "--top_p",
        type=float,
        help="Share of the probability from which tokens are drawn, the likeliest first (0.95)",
    )
    add("--seed", type=int, help="Seed of sampling: the same one gives the same text (0)")
    add("--output", default="outputs", help="Folder in which all runs are kept (outputs)")
    asked = parser.parse_args()
    at_least_one(asked, "max_new_tokens")
    if not 0 <= asked.temperature < float("inf"):
        raise ValueError(f"--temperature {asked.temperature}: at least 0")
    if asked.top_p is not None and not 0 < asked.top_p <= 1:
        raise ValueError(f"--top_p {asked.top_p}: above 0, and at most 1")
    if asked.seed is not None and not -(2**63) <= asked.seed < 2**63:
        raise ValueError(f"--seed {asked.seed}: a number of at most 63 bits")
    for name, unset in (("system", None), ("template", "tokenizer")):
        if asked.raw and getattr(asked, name) != unset:
            raise ValueError(f"--{name}: belongs to a chat, and --raw goes on after a text")
    for name in ("top_p", "seed"):
        if not asked.temperature and getattr(asked, name) is not None:
            print(f"note   --{name} has no effect with --temperature 0", file=sys.stderr)
    return asked


def converse(speaker: "ChatModel", asked: Any, texts: Iterator[str], stop: Stop) -> None:
    """Answers each question after the earlier ones, as many of them as the context holds."""
    import torch

    from experiments.tools.chat_model import Sampling

    torch.manual_seed(asked.seed or 0)
    sampling = Sampling(asked.max_new_tokens, asked.temperature, asked.top_p)
    history = [{"role": "system", "content": asked.system}] if asked.system else []
    for text in texts:
        if asked.raw:
            ids = speaker.raw_ids(text)
        else:
            history.append({"role": "user", "content": text.strip()})
            ids, history = speaker.fit(history, asked.max_new_tokens)
        if len(ids) >= speaker.context_length:
            count = f"{len(ids)} of {speaker.context_length} tokens"
            print(f"the question is too long: {count}", file=sys.stderr)
            history = history[:-1]
            continue
        answer = speaker.answer(ids, sampling, lambda: stop.asked)
        if not asked.raw:
            history.append({"role": "assistant", "content": answer.text.strip()})


if __name__ == "__main__":
    main()
