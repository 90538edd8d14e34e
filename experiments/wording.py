"""Values, types and flags in plain words: what the parser's errors and help are made of."""

import inspect
import re
import textwrap
from argparse import SUPPRESS
from difflib import get_close_matches
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from jsonargparse import ArgumentParser

LINES, WIDTH = 50, 100  # of --help
TEXTS = {  # shorter than Lightning's, which are paragraphs; the Trainer's flags that --help shows
    "--config": "A YAML file of settings; a flag wins over it",
    "--seed_everything": "The seed of the run",
    "--trainer.max_epochs": "Passes over the training data",
    "--trainer.precision": "32, 16-mixed, bf16-mixed, 16-true, bf16-true or 64",
    "--trainer.devices": "How many, or which: 2, [0,3], auto",
    "--trainer.accelerator": "cpu, gpu, tpu, mps or auto",
    "--trainer.strategy": "auto, ddp, fsdp, deepspeed and others",
    "--trainer.accumulate_grad_batches": "Batches for each step of the optimizer",
    "--trainer.gradient_clip_val": "The largest norm of a gradient",
    "--trainer.limit_train_batches": "A number of batches, or a share such as 0.1",
}
NUMBERS = {int: "a whole number", float: "a number"}
SIMPLE = {str: "text", bool: "true or false", NoneType: "null"}
LISTS = {list: "a list such as [a,b]", dict: "a mapping such as {a: 1}"}
RULES = {  # how jsonargparse writes a restriction
    r"v>=(\S+) and v<=(\S+)": r"from \1 to \2",
    "v>=": "of at least ",
    "v<=": "of at most ",
    "v>": "above ",
    "v<": "below ",
}


def plain(value: Any) -> str:
    """A value as one would type it."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(plain, value))}]"
    if path := hasattr(value, "get") and value.get("class_path"):
        return path.rsplit(".", 1)[-1]
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value) if value != "" else "''"


def nearest(word: str, words: Any) -> str:
    """The likeliest of `words`, begun or mistyped, whatever the case; or nothing."""
    lower = {w.lower(): w for w in words}
    begun = [w for w in lower if len(word) > 2 and w.startswith(word.lower())]
    return next((lower[w] for w in begun or get_close_matches(word.lower(), lower, 1, 0.7)), "")


def choices(hint: Any) -> list[str]:
    """What a type allows: one entry for each alternative, null last."""
    if get_origin(hint) is Literal:
        return [str(value) for value in get_args(hint)]
    if rule := getattr(hint, "_expression", ""):
        for sign, word in RULES.items():
            rule = re.sub(sign, word, rule)
        return [f"{NUMBERS.get(hint._type, 'text')} {rule}"]
    if word := (NUMBERS | SIMPLE | LISTS).get(hint) or LISTS.get(get_origin(hint)):
        return [word]
    if isinstance(hint, type) and not get_args(hint):
        return [f"the name of a{'n' * (hint.__name__[0] in 'AEIOU')} {hint.__name__} class"]
    words = [word for arg in get_args(hint) for word in choices(arg)] or ["something else"]
    return list(dict.fromkeys(sorted(words, key="null".__eq__)))


def either(words: list[str], last: str = "or") -> str:
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def type_of(action: Any) -> Any:
    return getattr(action, "_typehint", None)  # jsonargparse keeps it nowhere else


def expected(action: Any) -> str:
    """What a flag takes, to follow 'must be'."""
    words = choices(type_of(action))
    phrases = any(word.startswith(("a ", "the ")) for word in words)
    return ("one of " if len(words) > 2 and not phrases else "") + either(words)


def base_class(action: Any) -> type | None:
    """The class whose subclasses a flag takes by name, if it is such a flag."""
    hint = type_of(action)
    return next(
        (
            h
            for h in (hint, *get_args(hint))
            if hint and isinstance(h, type) and action.is_subclass_typehint(h)
        ),
        None,
    )


def subclasses(base: type) -> dict[str, type]:
    """The classes that can be chosen where `base` is asked for, by name."""
    found = {}
    for sub in base.__subclasses__():
        if not sub.__name__.startswith(("_", "LazyInstance_")):
            found |= subclasses(sub) | ({} if inspect.isabstract(sub) else {sub.__name__: sub})
    return dict(sorted(found.items())) or {base.__name__: base}


def class_flags(cls: type, key: str) -> dict[str, Any]:
    """The flags of a class below `--key.`, as actions that know type, default and help."""
    parser = ArgumentParser()
    parser.add_class_arguments(cls, key, fail_untyped=False)
    return {
        a.option_strings[0]: a
        for a in parser._actions
        if type_of(a) and not a.option_strings[0].endswith(".help")
    }


def row(flag: str, action: Any, default: Any, full: bool = False, text: str = "") -> str:
    """A flag's line of help with its default; in full, all of its text and its type."""
    text = text or " ".join((action.help or "").split())
    takes = expected(action) if type_of(action) else ""
    head = f"  {flag} {'(required)' if action.required else plain(default)}"
    if full:
        text += f" ({takes})" * bool(takes)
        return "\n".join([head, *(" " * 8 + line for line in textwrap.wrap(text, WIDTH - 8))])
    line = f"{head:<40}  {text.split('. ')[0].rstrip('.') or takes}".rstrip()
    return line if len(line) <= WIDTH else line[: WIDTH - 4].rstrip() + " ..."


def below(key: str, flags: Any) -> list[str]:
    return [flag for flag in flags if flag.startswith(f"--{key}.") and not flag.endswith("+")]


def screen(description: str | None, known: dict, shown: dict, chosen: dict) -> str:
    """One screen: the question asked, then what is most often set, with its default.

    Where there is no model and no data to ask more about, all of it, at its length.
    """
    about = inspect.cleandoc(description or "").split("\n\n")[0].splitlines()[:4]
    keys = [key for key in ("model", "data") if key in chosen]
    parts = {
        f"--{key} {chosen[key].__name__}": [f for f in below(key, known) if f.count(".") < 2]
        for key in keys
    }
    parts["run"] = [
        f for f in known if not re.match(r"--(model|data|trainer)\b|--print_config$|-\w$|.*\+$", f)
    ]
    pages = [f"--help.{key} [NAME]" for key in keys]
    if trainer := [f for f in below("trainer", TEXTS) if f in known]:
        parts["--trainer"] = trainer
        pages.append("--help.trainer")
    end = ["All flags: " + "  ".join([*pages, "--print_config"])]
    end += [f"--{key} is one of {names(known[f'--{key}'])}" for key in keys]
    end = [line for text in end for line in textwrap.wrap(text, WIDTH, subsequent_indent="  ")]
    rows = {
        title: [
            row(flag, known[flag], shown[flag], not keys, TEXTS.get(flag, ""))
            for flag in flags
            if known[flag].default is not SUPPRESS
        ]
        for title, flags in parts.items()
    }
    while keys and sum(len(part) + 1 for part in rows.values()) > LINES - len(about) - len(end):
        title = max(rows, key=lambda title: len(rows[title]))
        rows[title][-2:] = [f"  ... and more: --help.{title[2:].split()[0]}"]
    body = [line for title, part in rows.items() for line in (f"{title}:", *part)]
    return "\n".join([*about, *body, *end])


def names(action: Any) -> str:
    return ", ".join(subclasses(base_class(action)))


def page(key: str, known: dict, shown: dict, chosen: dict) -> str:
    """Everything about the chosen model or data, or the Trainer."""
    about = []
    if cls := chosen.get(key):
        about += [
            f"--{key} is one of {names(known[f'--{key}'])}",
            "",
            f"{cls.__name__}: {(inspect.getdoc(cls) or '').split('Args:')[0].rstrip()}",
        ]
    return "\n".join(
        about
        + [
            row(flag, known[flag], shown[flag], full=True)
            for flag in below(key, known)
            if known[flag].default is not SUPPRESS
        ]
    )
