"""The base of every module: what its class says of itself to whatever runs it."""

from typing import Any, ClassVar, Literal

from lightning.pytorch import LightningModule

from modules.linking import Link
from modules.registry import Registered


class PretuneModule(Registered, LightningModule, abstract=True):
    """A module that trains, or only answers prompts; its class says which.

    Attributes:
        trains: Whether ``trainer.fit`` has something to do.
        final_split: The rows of the final evaluation.
        default_task: Name of the task if no other is asked for; None where there is no task.
        links: Flags that follow the data's flags, or the other way round.
        monitor: The validation metric that chooses the best checkpoint.
        mode: Whether more (max) or less (min) of it is better.
        origin: The network before the training, in words.
    """

    trains: ClassVar[bool] = True
    final_split: ClassVar[Literal["val", "test"]] = "test"
    default_task: ClassVar[str | None] = None
    links: ClassVar[tuple[Link, ...]] = ()
    monitor: str
    mode: Literal["min", "max"]
    origin: str

    @property
    def datamodule(self) -> Any:
        """The data module of the run; None without one."""
        return getattr(self.trainer, "datamodule", None)

    def configure_data(self, data: Any) -> None:
        """Change the data module before its ``setup``; nothing by default."""

    def check_data(self, data: Any) -> None:
        """Refuse data that do not fit, after their ``setup``; nothing by default.

        Raises:
            ValueError: If they do not fit; the message names the flag to change.
        """

    def prompt_description(self) -> str:
        """Return the prompt around a text, for people to read; empty where there is none."""
        return ""
