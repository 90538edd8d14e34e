"""The text of ``--help``: one screen, or every flag of the model, the data or the Trainer."""

import inspect
import re
from argparse import SUPPRESS
from typing import Any

from datamodules import text_tables
from experiments.common.help_text import refilled, text_columns
from experiments.runner.messages import as_typed, base_class, class_flags, expected, type_of
from experiments.runner.part_flags import choices
from modules.user_classes import HOW

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


def row(flag: str, action: Any, default: Any, full: bool = False, text: str = "") -> str:
    """The help of a flag with its default: one line, or the full text with the type."""
    text = text or _ROLE.sub(r"\1", " ".join((action.help or "").split()))
    takes = expected(action) if type_of(action) else ""
    head = f"  {flag} {'(required)' if action.required else as_typed(default)}"
    if full:
        text += f" ({takes})" * bool(takes)
        return "\n".join([head, *text_tables.wrapped(text, text_columns(), " " * 8)])
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


def screen(description: str | None, known: dict, shown: dict, chosen: dict) -> str:
    """One screen: the question of the experiment, then the flags most often set, with defaults.

    A command without model and data shows all of its flags with their full texts.
    """
    about = refilled(inspect.cleandoc(description or "").split("\n\n")[0], text_columns())[:4]
    keys = [key for key in ("model", "data") if key in chosen]
    parts = {
        f"--{key} {chosen[key].__name__}": [f for f in below(key, known) if f.count(".") < 2]
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
    end += [f"--{key} is one of {names(known[f'--{key}'])}" for key in chosen]
    if CALLBACKS in known:
        found = choices(base_class(known[CALLBACKS])).items()
        ours = [name for name, cls in found if not cls.__module__.startswith("lightning.")]
        end.append(f"{CALLBACKS}+= is one of {', '.join(ours)}, or of Lightning's")
    end += [f"A class of your own is {HOW}"] if keys else []
    end = [line for text in end for line in _wrapped(text)]
    rows = {
        title: [
            row(flag, known[flag], shown[flag], not keys, TEXTS.get(flag, ""))
            for flag in flags
            if known[flag].default is not SUPPRESS
        ]
        for title, flags in parts.items()
    }
    while keys and sum(len(part) + 1 for part in rows.values()) > LINES - len(about) - len(end):
        title = max(filter("run".__ne__, rows), key=lambda title: len(rows[title]))
        rows[title][-2:] = [f"  ... and more: --help.{title[2:].split()[0]}"]
    body = [line for title, part in rows.items() for line in (f"{title}:", *part)]
    return "\n".join([*about, *body, *end])


def _wrapped(text: str) -> list[str]:
    return text_tables.wrapped(text, text_columns(), "  ", "")


def names(action: Any) -> str:
    """The classes that a flag may name, as a list of words."""
    return ", ".join(choices(base_class(action)))


def callbacks(chosen: type | None, action: Any) -> str:
    """The callbacks with a line each, or all flags of the chosen one."""
    if chosen is None:
        found = choices(base_class(action)).items()
        return "\n".join(
            _wrapped(f"{CALLBACKS}+=NAME adds one of these, or one of your own, {HOW}:")
            + [_shortened(f"  {name:<28}  {_about(cls)}".splitlines()[0]) for name, cls in found]
        )
    flags = class_flags(chosen, CALLBACKS[2:])
    rows = [row(f, one, one.default, full=True) for f, one in flags.items()]
    return "\n".join([*_wrapped(described(chosen)), *rows])


def described(cls: type) -> str:
    """The name of a class and its docstring above the arguments, in one paragraph."""
    return f"{cls.__name__}: {' '.join(_about(cls).split())}"


def _about(cls: type) -> str:
    """The docstring of a class above its arguments."""
    return re.split(r"\n\s*Args:|\bArgs:", inspect.getdoc(cls) or "")[0].rstrip()


def page(key: str, known: dict, shown: dict, chosen: dict, tuned: dict) -> str:
    """All flags of the chosen model or data, or of the Trainer, with their full texts."""
    about = []
    if cls := chosen.get(key):
        listed = names(known[f"--{key}"])
        for part in (f"--{key} is one of {listed}, or of your own: {HOW}", "", described(cls)):
            about += _wrapped(part) or [""]
        if key == "model" and tuned:
            about += ["", "Tuned for it (--tuned false leaves that out):"]
        for one in tuned.values() if key == "model" else ():
            about += _wrapped(f"  {one.flag} {as_typed(one.value)} ({one.source})")
    return "\n".join(
        about
        + [
            row(flag, known[flag], shown[flag], full=True)
            for flag in below(key, known)
            if known[flag].default is not SUPPRESS
        ]
    )
