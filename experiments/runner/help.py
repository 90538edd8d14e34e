"""The text of ``--help``: one screen, or every flag of the model, the data or the Trainer."""

import inspect
import re
from typing import Any

from datamodules import text_tables
from datamodules.spelling import CLASS_FORMS
from experiments.common.help_text import refilled, text_columns
from experiments.runner.choosing import Choice, Kind, find
from experiments.runner.given_flags import Given
from experiments.runner.messages import Flag, as_typed, either, expected

LINES = 50  # of --help
CALLBACKS = "--trainer.callbacks"
TEXTS = {  # shorter than Lightning's, which are paragraphs; the Trainer's flags that --help shows
    "--config": "YAML file of settings; flags override it",
    "--seed_everything": "Seed of weights, order of rows, dropout and corruption",
    "--trainer.max_epochs": "Passes over the training data",
    "--trainer.precision": "Precision, such as 32, 16-mixed, bf16-mixed or bf16-true",
    "--trainer.devices": "Number of devices, or which: 2, [0,3], auto",
    "--trainer.accelerator": "Kind of device: cpu, gpu, tpu, mps or auto",
    "--trainer.strategy": "Several devices: auto, ddp, fsdp, deepspeed or others",
    "--trainer.accumulate_grad_batches": "Batches for each optimizer step",
    "--trainer.gradient_clip_val": "Largest norm of the gradients",
    "--trainer.limit_train_batches": "Training batches of an epoch, as a number or a share",
}

# Sphinx's links, of which Lightning's texts are full, as :paramref:`~lightning.Trainer.logger`.
_ROLE = re.compile(r":[a-z]+:`~?(?:[\w.]+\.)?(\w+)`")


def row(name: str, flag: Flag, default: Any, full: bool = False, text: str = "") -> str:
    """The help of a flag with its default: one line, or the full text with the type."""
    text = text or _ROLE.sub(r"\1", " ".join(flag.help.split()))
    takes = expected(flag)
    head = f"  {name} {'(required)' if flag.required else as_typed(default)}"
    if full:
        text += f" ({takes})" * bool(takes)
        most, indent = text_columns(), " " * 8
        heads = [head]
        if text_tables.width(head) > most:  # the default stands below its flag
            flag_alone, _, value = head.strip().partition(" ")
            heads = [f"  {flag_alone}", *text_tables.wrapped(value, most, indent)]
        return "\n".join([*heads, *text_tables.wrapped(text, most, indent)])
    line = f"{head:<{min(40, text_columns() // 2 - 4)}}  {text.split('. ')[0].rstrip('.') or takes}"
    return _shortened(line.rstrip())


def _shortened(line: str) -> str:
    most = text_columns()
    if text_tables.width(line) <= most:
        return line
    while text_tables.width(line) > most - 4:
        line = line[:-1]
    return f"{line.rstrip()} ..."


def below(key: str, flags: Any) -> list[str]:
    """The flags of ``--key``, as ``--model.rank`` of ``--model``."""
    return [flag for flag in flags if flag.startswith(f"--{key}.") and not flag.endswith("+")]


def screen(description: str | None, choice: Choice) -> str:
    """One screen: the question of the experiment, then the flags most often set, with defaults.

    A command without model and data shows all of its flags with their full texts.
    """
    known, chosen = choice.known, choice.chosen
    about = refilled(inspect.cleandoc(description or "").split("\n\n")[0], text_columns())[:4]
    keys = [key for key in ("model", "data") if key in chosen]
    parts = {
        f"--{key} {chosen[key].name}": [f for f in below(key, known) if f.count(".") < 2]
        for key in keys
    }
    parts["run"] = [
        f for f in known if not re.match(r"--(model|data|trainer)\b|--print_config$|-\w$|.*\+$", f)
    ]
    pages = [f"--help.{key} [NAME]" for key in chosen]
    if trainer := [f for f in below("trainer", TEXTS) if f in known]:
        parts["--trainer"] = trainer
        pages += ["--help.trainer", f"--help.{CALLBACKS[2:]} [NAME]"]
    end = ["All flags: " + "  ".join([*pages, "--print_config"])]
    end += [f"--{key} is one of {_names(choice, f'--{key}')}" for key in chosen]
    if CALLBACKS in known:
        ours = [
            n for n, kind in _callbacks(choice).items() if not kind.path.startswith("lightning.")
        ]
        end.append(f"{CALLBACKS}+= is one of {', '.join(ours)}, or of Lightning's")
    end += [f"A class of your own is {CLASS_FORMS}"] if keys else []
    end = [line for text in end for line in _wrapped(text)]
    rows = {
        title: [
            row(flag, known[flag], choice.shown[flag], not keys, TEXTS.get(flag, ""))
            for flag in flags
            if not known[flag].hidden
        ]
        for title, flags in parts.items()
    }
    while keys and sum(len(part) + 1 for part in rows.values()) > LINES - len(about) - len(end):
        title = max(filter("run".__ne__, rows), key=lambda title: len(rows[title]))
        if len(rows[title]) < 2:  # on a narrow terminal the last lines alone fill a screen
            break
        rows[title][-2:] = [f"  ... and more: --help.{title[2:].split()[0]}"]
    body = [line for title, part in rows.items() for line in (f"{title}:", *part)]
    return "\n".join([*about, *body, *end])


def _wrapped(text: str) -> list[str]:
    return text_tables.wrapped(text, text_columns(), "  ", "")


def _names(choice: Choice, flag: str) -> str:
    """The classes that a flag may name, as a list of words."""
    return ", ".join(choice.library.offered(choice.known[flag].base))


def _callbacks(choice: Choice) -> dict[str, Kind]:
    base = choice.known[CALLBACKS].base
    named = choice.library.named(base)
    return {name: named[name] for name in choice.library.offered(base)}


def callbacks(chosen: Kind | None, choice: Choice) -> str:
    """The callbacks with a line each, or all flags of the chosen one."""
    if chosen is None:
        found = _callbacks(choice).items()
        return "\n".join(
            _wrapped(f"{CALLBACKS}+=NAME adds one of these, or one of your own, {CLASS_FORMS}:")
            + [_shortened(f"  {name:<28}  {kind.about}".splitlines()[0]) for name, kind in found]
        )
    flags = chosen.flags(CALLBACKS[2:])
    rows = [row(f, one, one.default, full=True) for f, one in flags.items()]
    return "\n".join([*_wrapped(described(chosen)), *rows])


def described(kind: Kind) -> str:
    """The name of a class and its docstring above the arguments, in one paragraph."""
    return f"{kind.name}: {' '.join(kind.about.split())}"


def page(key: str, choice: Choice) -> str:
    """All flags of the chosen model or data, or of the Trainer, with their full texts."""
    about, known, tuned = [], choice.known, choice.tuned if key == "model" else {}
    if kind := choice.chosen.get(key):
        listed = _names(choice, f"--{key}")
        own = f"--{key} is one of {listed}, or of your own: {CLASS_FORMS}"
        for part in (own, "", described(kind)):
            about += _wrapped(part) or [""]
        if tuned:
            about += ["", *_wrapped("Tuned for it (--tuned false leaves that out):")]
        for one in tuned.values():
            about += _wrapped(f"  {one.flag} {as_typed(one.value)} ({one.source})")
    return "\n".join(
        about
        + [
            row(flag, known[flag], choice.shown[flag], full=True)
            for flag in below(key, known)
            if not known[flag].hidden
        ]
    )


def pages_of(given: list[Given]) -> tuple[list[Given], list[Given]]:
    """The flags that ask for pages of help, and the classes that they name, as flags."""
    pages = [one for one in given if one.flag.split(".")[0] == "--help"]
    return pages, [Given("--" + one.flag[7:], one.values, []) for one in pages if one.values]


def text_of(asked: Given, description: str | None, choice: Choice) -> str:
    """The text of a page of help, by the flag that asks for it.

    Raises:
        ValueError: If there is no such page.
    """
    key, callbacks_key = asked.flag[7:], CALLBACKS[2:]
    keys = [*choice.chosen, "trainer", *[callbacks_key] * (CALLBACKS in choice.known)]
    if key and key not in keys:
        raise ValueError(f"--help.{key}: there are {either([f'--help.{k}' for k in keys], 'and')}")
    if key == callbacks_key:
        base = choice.known[CALLBACKS].base
        found = [find(choice.library, f"--help.{key} {n}", n, base) for n in asked.values]
        return callbacks(found[0] if found else None, choice)
    return page(key, choice) if key else screen(description, choice)
