"""An experiment of small classes, which the tests of the command line call."""

from typing import Literal

from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat, PositiveInt
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningCLI

from experiments.runner.parser import Parser

HERE = __name__


class Task:
    """What is learned."""


class Classification(Task):
    """One label for each text.

    Args:
        num_classes: How many labels there are.
    """

    def __init__(self, num_classes: PositiveInt = 2) -> None: ...


class Regression(Task):
    """One number for each text."""

    def __init__(self, low: float = 0.0) -> None: ...


class FineTuning(LightningModule):
    """The base.

    Args:
        backbone: The model to start from.
        task: What is learned.
        learning_rate: The highest learning rate.
        weight_decay: Decay of the matrices.
        warmup: Share of the steps that warm up.
        schedule: What the learning rate does afterwards.
    """

    def __init__(
        self,
        backbone: str = "minilm",
        task: Task = Classification(),
        learning_rate: PositiveFloat = 1e-3,
        weight_decay: NonNegativeFloat = 0.01,
        warmup: ClosedUnitInterval = 0.06,
        schedule: Literal["linear", "cosine", "constant"] = "linear",
    ) -> None:
        super().__init__()


class LoRA(FineTuning):
    """Low-rank updates.

    Args:
        rank: Rank of the update. A second sentence that one screen leaves out.
        targets: The layers that get one.
        learning_rate: The highest learning rate.
        **kwargs: As for FineTuning.
    """

    def __init__(
        self,
        rank: PositiveInt = 4,
        targets: str | list[str] = "all-linear",
        learning_rate: PositiveFloat = 1e-3,
        **kwargs,
    ) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)


class Full(FineTuning):
    """Every weight.

    Args:
        learning_rate: The highest learning rate.
        **kwargs: As for FineTuning.
    """

    def __init__(self, learning_rate: PositiveFloat = 2e-5, **kwargs) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)


class Text(LightningDataModule):
    """The base.

    Args:
        source: Where the text is from.
        tokenizer: Follows the backbone.
        batch_tokens: Tokens in a batch.
        batch_size: Sentences in a batch.
    """

    def __init__(
        self,
        source: str = "auto",
        tokenizer: str = "minilm",
        batch_tokens: PositiveInt | None = 4096,
        batch_size: PositiveInt | None = None,
    ) -> None:
        super().__init__()


class SST2(Text):
    """Film reviews."""


class Files(Text):
    """One's own files."""

    def __init__(self, source: str, **kwargs) -> None:
        super().__init__(source=source, **kwargs)


class Many(Text):
    """More flags than fit on a screen."""

    def __init__(
        self,
        a1: int = 0,
        a2: int = 0,
        a3: int = 0,
        a4: int = 0,
        a5: int = 0,
        a6: int = 0,
        a7: int = 0,
        a8: int = 0,
        a9: int = 0,
        b1: int = 0,
        b2: int = 0,
        b3: int = 0,
        b4: int = 0,
        b5: int = 0,
        b6: int = 0,
        b7: int = 0,
        b8: int = 0,
        b9: int = 0,
        c1: int = 0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)


class Experiment(LightningCLI):
    def add_arguments_to_parser(self, parser):
        parser.add_argument("--resume", type=str | None, default=None, help="A run to go on with.")
        parser.add_argument(
            "--tracking.mode",
            type=Literal["auto", "online", "disabled"],
            default="auto",
            help="Where the run is tracked.",
        )
        parser.add_argument("--tracking.tags", type=list[str], default=[])
        parser.link_arguments("model.init_args.backbone", "data.init_args.tokenizer")
        parser.set_defaults(
            {
                "model": {
                    "class_path": f"{HERE}.LoRA",
                    "init_args": {"rank": 8, "learning_rate": 2e-3, "warmup": 0.2},
                },
                "data": {"class_path": f"{HERE}.SST2", "init_args": {"batch_tokens": 2048}},
            }
        )

    def instantiate_classes(self):
        pass


def experiment():
    return Experiment(
        FineTuning,
        Text,
        parser_class=Parser,
        save_config_callback=None,
        run=False,
        subclass_mode_model=True,
        subclass_mode_data=True,
        seed_everything_default=0,
        auto_configure_optimizers=False,
        trainer_defaults={"max_epochs": 3},
        parser_kwargs={"description": "Does LoRA learn SST-2?\nIt does.\n\nAnd more."},
    )


if __name__ == "__main__":
    experiment()
