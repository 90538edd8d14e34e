"""What does a fine-tuned model answer? Talk to it in the terminal.

    python experiments/tools/chat.py last         # the newest run that ended with an export
    python experiments/tools/chat.py outputs/instruction_tuning/RUN/export
    python experiments/tools/chat.py smollm2      # the model before fine-tuning
    echo "Name three fruits." | python experiments/tools/chat.py last

Ctrl-C stops an answer, Ctrl-D ends the chat. Each line from a pipe is a question; only the answers
are printed.
"""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from experiments.common.arguments import FlagParser, at_least_one
from experiments.common.exits import guarded
from experiments.common.shell import command_name

if TYPE_CHECKING:
    from experiments.tools.chat_model import ChatModel


def main() -> None:
    """Answers questions from the terminal or a pipe until they end."""
    with guarded(command_name()):
        asked = _parse()
        from experiments.tools.chat_model import (
            open_export,  # torch and transformers, which --help spares
        )

        speaker = open_export(asked.model, asked.output, asked.template)
        stop = Stop()
        questions = filter(str.strip, sys.stdin)
        if sys.stdin.isatty():
            print(f"{speaker.name}: Ctrl-C stops an answer, Ctrl-D ends", file=sys.stderr)
            signal.signal(signal.SIGINT, stop)
            questions = _lines_at_prompt(stop)
        converse(speaker, asked, questions, stop)


def _parse() -> argparse.Namespace:
    parser = FlagParser(__doc__)
    add = parser.add_argument
    add("model", help="Model to talk to: last, a run's id, a folder with an export, or smollm2")
    add("--system", help="System message at the start of the chat (none)")
    add(
        "--template",
        default="tokenizer",
        help="Chat template: tokenizer (its own), plain (ours), or a file (tokenizer)",
    )
    add("--tokens", type=int, default=256, help="Most tokens of an answer (256)")
    add(
        "--temperature",
        type=float,
        default=0.7,
        help="Temperature of sampling; 0 takes the likeliest token (0.7)",
    )
    add("--seed", type=int, default=0, help="Seed of sampling (0)")
    add("--output", default="outputs", help="Folder in which all runs are kept (outputs)")
    asked = parser.parse_args()
    at_least_one(asked, "tokens")
    if asked.temperature < 0:
        raise ValueError(f"--temperature {asked.temperature}: at least 0")
    return asked


class Stop:
    """The handler of Ctrl-C at the terminal: it ends an answer, or the line being typed.

    Attributes:
        asked: True if Ctrl-C was pressed since the last question.
        typing: True while the user types a line.
    """

    def __init__(self) -> None:
        self.asked = self.typing = False

    def __call__(self, number: int, frame: Any) -> None:
        self.asked = True
        if self.typing:
            raise KeyboardInterrupt


def _lines_at_prompt(stop: Stop) -> Iterator[str]:
    """Yields the lines typed at the prompt that are not empty, with the keys of readline."""
    with suppress(ImportError):  # Windows edits lines without it
        import readline  # noqa: F401 - what `input` edits lines with

    while True:
        stop.asked, stop.typing = False, True
        try:
            line = input("\n> ")
        except KeyboardInterrupt:
            line = ""
        except EOFError:
            print()
            return
        finally:
            stop.typing = False
        if line.strip():
            yield line


def converse(speaker: "ChatModel", asked: Any, questions: Iterator[str], stop: Stop) -> None:
    """Answers each question after the earlier ones, as many of them as the context holds."""
    import torch

    torch.manual_seed(asked.seed)
    history = [{"role": "system", "content": asked.system}] if asked.system else []
    first = len(history)
    for question in questions:
        history.append({"role": "user", "content": question.strip()})
        ids = speaker.ids(history)
        while len(ids) + asked.tokens > speaker.context_length and len(history) > first + 2:
            del history[first : first + 2]  # the oldest question and its answer
            ids = speaker.ids(history)
        if len(ids) >= speaker.context_length:
            count = f"{len(ids)} of {speaker.context_length} tokens"
            print(f"the question is too long: {count}", file=sys.stderr)
            history.pop()
            continue
        answer = speaker.answer(ids, asked.tokens, asked.temperature, lambda: stop.asked)
        history.append({"role": "assistant", "content": answer})


if __name__ == "__main__":
    main()
