"""The command line of an experiment: its flags, their defaults, and the links between flags."""

import pydoc
import sys
from itertools import pairwise
from typing import Any, Literal

import yaml
from jsonargparse.typing import NonNegativeFloat, NonNegativeInt
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningCLI

from datamodules.base import RowDataModule
from experiments.runner import (
    construction,
    directions,
    flag_index,
    lengths,
    naming,
    run_flags,
    run_folder,
    tuned_flags,
)
from experiments.runner.defaults import defaults_of
from experiments.runner.given_flags import listed
from experiments.runner.parser import Parser
from experiments.tracking.logger import Tracking
from modules.base import PretuneModule
from modules.finetuning.base import FineTuningModule
from modules.registry import registered
from modules.tasks import Task


class CommandLine(LightningCLI):
    """Parses and checks the flags of an experiment; ``build`` makes the objects.

    Attributes:
        config: The parsed settings.
        parsed: The settings as plain values, which ``config.yaml`` holds.
        resumed: The folder of the run to resume; None for a new run.
        trains: Whether the module has something to train.
        notes: Remarks for the first screen.
        origins: The origin of each setting that is not a default, by flag.
    """

    def __init__(
        self,
        name: str,
        doc: str,
        model: type[LightningModule],
        data: type[LightningDataModule],
        defaults: dict[str, Any],
    ) -> None:
        self.name, self.classes, self.defaults = name, {"model": model, "data": data}, defaults
        args = sys.argv[1:]
        output, wanted = _value_of("--output", args) or "outputs", _value_of("--resume", args)
        tests = (_value_of("--hold_out_test", args) or "").lower() == "false"
        self.resumed, passed_over = run_folder.find(output, name, wanted, tests)
        self.notes = [passed_over] if passed_over else []
        if self.resumed:
            args = ["--config", str(self.resumed / "config.yaml"), *args]
        super().__init__(
            model_class=_base(model, PretuneModule),
            datamodule_class=_base(data, RowDataModule),
            subclass_mode_model=True,
            subclass_mode_data=True,
            parser_class=Parser,
            parser_kwargs={"description": doc, "prog": f"{name}.py"},
            save_config_callback=None,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            run=False,
            args=args,
        )

    def add_default_arguments_to_parser(self, parser: Parser) -> None:
        seed = "Seed of weights, order of rows, dropout and corruption"
        parser.add_argument("--seed_everything", type=NonNegativeInt, default=0, help=seed)

    def add_arguments_to_parser(self, parser: Parser) -> None:
        parser.add_argument(
            "--resume",
            type=str | None,
            help="Resume a run that was stopped: last, its id or its folder",
        )
        parser.add_argument(
            "--output", type=str, default="outputs", help="Folder in which all runs are kept"
        )
        parser.add_argument(
            "--checkpoint_seconds",
            type=NonNegativeFloat,
            default=20.0,
            help="Seconds between two writes of last.ckpt. A kill costs no more training than that",
        )
        parser.add_argument(
            "--monitor",
            type=str | None,
            help="Validation metric that chooses the best checkpoint, such as val/f1. The task's "
            "own by default",
        )
        parser.add_argument(
            "--validate_before",
            type=bool,
            default=False,
            help="Whether to validate before the first step, too",
        )
        run_flags.add(parser)
        parser.add_class_arguments(Tracking, "tracking")
        if issubclass(_base(self.classes["model"], PretuneModule), FineTuningModule):
            parser.add_argument(
                "--export",
                type=Literal["adapter", "merged", "both"],
                default="adapter",
                help="What export/ holds: the trained update with its backbone (adapter), or an "
                "ordinary folder of transformers with the update in its weights (merged); both "
                "writes the second into merged/",
            )
        self._link(parser)
        parser.add_argument(
            "--tuned",
            type=bool,
            default=True,
            help="Whether what is tuned for the class of --model holds where neither you nor the "
            "experiment set it. false leaves the same defaults to all classes",
        )
        parser.stated = frozenset(self.defaults)
        for key, value in defaults_of(self.classes, self.defaults).items():
            parser.set_defaults({key: value})

    def _link(self, parser: Parser) -> None:
        """Links flags to others whose values they must share."""
        model, data = self.classes["model"], self.classes["data"]
        parser.link_arguments("seed_everything", "data.init_args.seed")
        for source, target, built in model.links:
            when = "instantiate" if built else "parse"
            source = source if built else _in_class(source)
            parser.link_arguments(source, _in_class(target), apply_on=when)
        if model.default_task is None:
            return
        if data.reads_labels:
            parser.link_arguments("model.init_args.task", "data.init_args.labels", _label_kind)
        for source, target in data.task_links:
            task = f"model.init_args.task.init_args.{target}"
            parser.link_arguments(f"data.{source}", task, apply_on="instantiate")

    def parse_arguments(self, parser: Parser, args: Any) -> None:
        if not self.resumed and flag_index.program() == self.name:
            flag_index.keep_at_exit(self.name, parser)
        super().parse_arguments(parser, args)
        construction.replace_enumerations(self.config)
        directions.set_modes(self.config["trainer"]["callbacks"], parser.given)
        naming.check(self.config["name"])
        if reason := lengths.out_of_range(self.config["trainer"]):
            parser.error(reason)
        self.trains = getattr(parser.chosen.get("model"), "trains", True)
        if self.trains and (reason := lengths.endless(self.config["trainer"])):
            parser.error(reason)
        dumped = parser.dump(self.config, skip_unset=False, skip_link_targets=True)
        self.parsed = yaml.safe_load(dumped)
        del self.parsed["resume"]
        self.origins = tuned_flags.origins(parser.given, parser.stated, parser.tuned)
        chosen = parser.chosen.get("model", self.classes["model"])
        if chosen is not self.classes["model"] and not self.resumed:
            self.notes += tuned_flags.note(chosen, self.origins, parser.tuned)

    def instantiate_classes(self) -> None:
        """Does nothing: ``assembly`` builds the parts."""

    def build(self) -> Any:
        """The settings, with data module, module and parts of the Trainer as objects.

        The data are read, and module and data fit each other.

        Raises:
            ValueError: If a class refuses its arguments, or the module the data.
        """
        built = construction.build(self.parser, self.config)
        built.model.configure_data(built.data)
        built.data.setup("fit")
        built.model.check_data(built.data)
        return built

    def callbacks_of(self, kind: type) -> list[Any]:
        """The parsed callbacks that are of this kind."""
        return [one for one in listed(self.config["trainer"]["callbacks"]) if _is(one, kind)]

    def remove_callbacks(self, kind: type) -> None:
        """Takes the callbacks of a kind out of the run, and out of its record."""
        for settings in (self.config["trainer"], self.parsed["trainer"]):
            left = [one for one in listed(settings["callbacks"]) if not _is(one, kind)]
            settings["callbacks"] = left or None

    def settle(self, flag: str, value: Any) -> None:
        """Sets a flag of model or data, such as --model.rank, as if the user had given it."""
        key, _, name = flag.removeprefix("--").partition(".")
        for settings in (self.config, self.parsed):
            settings[key]["init_args"][name] = value

    def value_of(self, flag: str) -> Any:
        """The value of a flag of model or data, such as --model.rank."""
        key, _, name = flag.removeprefix("--").partition(".")
        return self.parsed[key]["init_args"][name]


def _base(chosen: type, root: type) -> type:
    """The class below ``root`` whose subclasses ``--model`` or ``--data`` may name instead."""
    above = [kind for kind in chosen.__mro__ if issubclass(kind, root) and kind is not root]
    return above[-1] if above else chosen


def _in_class(flag: str) -> str:
    """The parser's name of a flag of a class: model.init_args.rank for model.rank."""
    key, _, name = flag.partition(".")
    return f"{key}.init_args.{name}" if name else key


def _is(callback: Any, kind: type) -> bool:
    if isinstance(callback, str):  # the name alone, in the defaults of an experiment
        return callback.rpartition(".")[2] == kind.__name__
    found = pydoc.locate(callback["class_path"])
    return isinstance(found, type) and issubclass(found, kind)


def _label_kind(task: Any) -> str:
    """The kind of label that the task needs from the data."""
    name, given = (task, {}) if isinstance(task, str) else (task["class_path"], task)
    found = registered(Task).get(name.rpartition(".")[2]) or pydoc.locate(name)
    read = getattr(found, "labels_read", lambda _: getattr(found, "label_kind", "class"))
    kind = read(given.get("init_args") or {})
    others = {
        "tags": "a tag for each word; ner_wnut.py reads such data: --data TaggedFiles",
        "span": "answers in contexts; squad.py reads such data: --data QuestionFiles",
        "choice": "choices; social_iqa.py reads such data: --data ChoiceFiles",
    }
    if kind in others:
        lead = f"--model.task {getattr(found, '__name__', '')}"
        raise ValueError(f"{lead}: needs {others[kind]} --data.source PATH")
    return kind


def _value_of(flag: str, args: list[str]) -> str | None:
    """The value of a flag that is needed before the parser runs; if given twice, the last."""
    values = [following for word, following in pairwise(args) if word == flag]
    values += [word.partition("=")[2] for word in args if word.startswith(f"{flag}=")]
    return values[-1] if values else None
