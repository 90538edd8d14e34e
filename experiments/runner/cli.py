"""The one runner: parse, read, fit, test, export, report."""

import pydoc
import sys
from pathlib import Path
from typing import Any

import yaml
from jsonargparse.typing import NonNegativeFloat, NonNegativeInt
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import BatchSizeFinder, Callback, Checkpoint, ProgressBar
from lightning.pytorch.cli import LightningCLI

from datamodules import Corpus, Instructions
from datamodules.labelled_text import LabelledText
from experiments.common import distributed
from experiments.common.exits import guarded, one_line
from experiments.runner import run_folder
from experiments.runner.checkpoints import WholeCheckpoints
from experiments.runner.parser import Parser
from experiments.runner.run import Run
from experiments.tracking.logger import Tracking
from modules.backbones import native_bf16
from modules.finetuning.base import FineTuningModule
from modules.pretraining.base import PretrainingModule
from modules.prompting.base import PromptingModule
from modules.registry import registered
from modules.tasks import Task


def main(
    file: str,
    doc: str,
    model: type[LightningModule],
    data: type[LightningDataModule],
    defaults: dict[str, Any] | None = None,
) -> None:
    """Run an experiment from the command line.

    Args:
        file: of the experiment; its name is the experiment's.
        doc: what ``--help`` says first.
        model: the module unless ``--model`` names another.
        data: the data module unless ``--data`` names another.
        defaults: flags whose defaults differ here, as ``{"trainer.max_epochs": 2}``.
    """
    name = Path(file).stem
    with guarded(f"{name}.py") as guard:
        experiment = Experiment(name, doc, model, data, defaults or {})
        guard.run = experiment.run
        experiment.run.open(experiment.trainer, experiment.loggers)
        experiment.run.measure() if experiment.asks else experiment.run.fit_and_test()


_KINDS = (PretrainingModule, PromptingModule, FineTuningModule)
_DATA = (Corpus, Instructions, LabelledText)


class Experiment(LightningCLI):
    """What was typed, parsed; then data and module; then a Trainer with the run's callbacks."""

    def __init__(
        self,
        name: str,
        doc: str,
        model: type[LightningModule],
        data: type[LightningDataModule],
        defaults: dict[str, Any],
    ) -> None:
        self.name, self.classes, self.defaults = name, {"model": model, "data": data}, defaults
        self.pretrains = issubclass(model, PretrainingModule)
        self.instructs = issubclass(data, Instructions)
        self.asks = issubclass(model, PromptingModule)  # and nothing is fitted
        self.resumed, args = None, sys.argv[1:]
        if wanted := _value_of("--resume", args):
            self.resumed = run_folder.find(_value_of("--output", args) or "outputs", name, wanted)
            args = ["--config", str(self.resumed / "config.yaml"), *args]
        super().__init__(
            model_class=next(k for k in _KINDS if issubclass(model, k)),
            datamodule_class=next(k for k in _DATA if issubclass(data, k)),
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
        parser.add_argument(
            "--seed_everything", type=NonNegativeInt, default=0, help="the seed of the run"
        )

    def add_arguments_to_parser(self, parser: Parser) -> None:
        parser.add_argument(
            "--resume",
            type=str | None,
            help="go on with a run that was stopped: last, its id or its folder",
        )
        parser.add_argument(
            "--output", type=str, default="outputs", help="folder under which runs are kept"
        )
        parser.add_argument(
            "--checkpoint_seconds",
            type=NonNegativeFloat,
            default=20.0,
            help="what a kill may cost: last.ckpt is at most this old",
        )
        parser.add_class_arguments(Tracking, "tracking")
        parser.link_arguments("seed_everything", "data.init_args.seed")
        if self.pretrains:
            parser.link_arguments("data.init_args.row_tokens", "model.init_args.row_tokens")
            for name in ("tokenizer", "bytes_per_token"):
                target = f"model.init_args.{name}"
                parser.link_arguments(f"data.{name}", target, apply_on="instantiate")
        else:
            if self.asks:
                parser.link_arguments("seed_everything", "model.init_args.seed")
            parser.link_arguments("model.init_args.backbone", "data.init_args.tokenizer")
        if self.instructs:
            parser.link_arguments(
                "data.chat_template",
                "model.init_args.task.init_args.chat_template",
                apply_on="instantiate",
            )
        elif not self.pretrains:
            parser.link_arguments("model.init_args.task", "data.init_args.labels", _label_kind)
            parser.link_arguments(
                "data.label_names", "model.init_args.task.init_args.labels", apply_on="instantiate"
            )
        defaults = {
            "trainer.precision": "bf16-mixed" if native_bf16() else "32-true",
            "trainer.gradient_clip_val": 1.0,
            "trainer.log_every_n_steps": 10,
            "trainer.num_sanity_val_steps": 0,
            "trainer.enable_model_summary": False,
            "trainer.use_distributed_sampler": False,  # our sampler shares the rows out
            **self.defaults,
        }
        for key, chosen in self.classes.items():
            own = {
                k.removeprefix(f"{key}."): v for k, v in defaults.items() if k.startswith(f"{key}.")
            }
            if key == "model" and not self.pretrains:
                task = {k: own.pop(k) for k in list(own) if k.startswith("task.")}
                task = {k.removeprefix("task."): v for k, v in task.items()}
                kind = own.pop("task", "PromptedClassification" if self.asks else "Classification")
                own["task"] = {"class_path": f"modules.{kind}", "init_args": task}
            path = f"{chosen.__module__}.{chosen.__qualname__}"
            parser.set_defaults({key: {"class_path": path, "init_args": own}})
        parser.set_defaults({k: v for k, v in defaults.items() if k.startswith("trainer.")})

    def parse_arguments(self, parser: Parser, args: Any) -> None:
        super().parse_arguments(parser, args)
        dumped = parser.dump(self.config, skip_none=False, skip_link_targets=True)
        self.parsed = yaml.safe_load(dumped)
        del self.parsed["resume"]

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except ValueError as error:  # jsonargparse wraps what a class's own __init__ raised
            while "Union subtypes" in str(error) and error.__cause__:
                error = error.__cause__
            raise error from None

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Nothing is written yet: what is wrong with data, module or Trainer shows before that."""
        self.model.configure_data(self.datamodule)
        self.datamodule.setup("fit")
        self.model.check_data(self.datamodule)
        self.run = Run(
            self.name, self.config, self.parsed, self.datamodule, self.model, self.resumed
        )
        settings = dict(self.config_init.trainer)
        for key in ("callbacks", "logger", "plugins"):
            value = settings[key]
            settings[key] = value if isinstance(value, list) else [value] if value else []
        if settings["num_nodes"] > 1 and not distributed.apart():
            raise ValueError(
                "--trainer.num_nodes: torchrun or srun starts several machines, so that all know "
                'of one run; README.md, "Wider", has the commands'
            )
        finders = [c for c in settings["callbacks"] if isinstance(c, BatchSizeFinder)]
        if finders and self.datamodule.batch_size is None:
            raise ValueError(
                "--trainer.callbacks BatchSizeFinder: needs --data.batch_size to begin"
            )
        self.loggers = [logger for logger in settings["logger"] if logger is not True]
        settings["logger"] = False  # the run's own comes when there is a folder to keep it in
        settings["callbacks"] += self._welcome(self.run.callbacks, settings)
        settings["plugins"] += [WholeCheckpoints()]
        settings["default_root_dir"] = str(self.run.folder)
        try:
            return Trainer(**settings)
        except Exception as error:  # Lightning's checks of its flags are of many types
            raise ValueError(f"{self.parser.blamed(str(error))}: {one_line(error)}") from error

    @staticmethod
    def _welcome(ours: list[Callback], settings: dict[str, Any]) -> list[Callback]:
        """Our callbacks, less those that flags or the user's own replace."""
        unwanted: tuple[type, ...] = ()
        bars = any(isinstance(callback, ProgressBar) for callback in settings["callbacks"])
        if settings["enable_progress_bar"] is False or bars:
            unwanted += (ProgressBar,)
        if settings["enable_checkpointing"] is False:
            unwanted += (Checkpoint,)
        return [callback for callback in ours if not isinstance(callback, unwanted)]


def _label_kind(task: Any) -> str:
    """What kind of label the task wants of the data."""
    name = task if isinstance(task, str) else task["class_path"]
    found = registered(Task).get(name.rpartition(".")[2]) or pydoc.locate(name)
    return getattr(found, "label_kind", "class")


def _value_of(flag: str, args: list[str]) -> str | None:
    """The value of a flag that is needed before the parser runs; the last one counts."""
    values = [following for word, following in zip(args, args[1:], strict=False) if word == flag]
    values += [word.partition("=")[2] for word in args if word.startswith(f"{flag}=")]
    return values[-1] if values else None
