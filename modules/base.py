"""The base of every module: what its class says of itself to whatever runs it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
from lightning.pytorch import LightningModule
from torch import Tensor

from datamodules.argument_names import in_arguments
from datamodules.unread import Unread
from modules import data_checks, inference, outputs
from modules.encoding import Text
from modules.linking import Link
from modules.registry import Registered
from modules.tuning import Tuned


class PretuneModule(Registered, LightningModule, abstract=True):
    """A module that trains, or only answers prompts; its class says which.

    Attributes:
        trains: Whether ``trainer.fit`` has something to do.
        final_split: The rows of the final evaluation.
        default_task: Name of the task if no other is asked for; None where there is no task.
        batch_keys: The entries that a batch must have where there is no task, which tells its own.
        metric_facts: What is known of metrics that it logs under names of its own, by name: higher
            (whether more is better), low and high (the range), and same (what two values must have
            in common to mean the same, out of objective, task, tokenizer, text, data and rows).
        links: Flags that follow the data's flags, or the other way round.
        tuned: Settings that suit the class, beside the defaults of its arguments; those of its
            bases hold too.
        unread: Arguments that have no effect beside some value of another one.
        monitor: The validation metric that chooses the best checkpoint.
        mode: Whether more (max) or less (min) of it is better.
        origin: The network before the training, in words.
        read_backbone: The backbone of an export that ``load`` has read, as ``module.json`` has it.
    """

    trains: ClassVar[bool] = True
    final_split: ClassVar[Literal["val", "test"]] = "test"
    default_task: ClassVar[str | None] = None
    batch_keys: ClassVar[tuple[str, ...]] = ("input_ids", "attention_mask")
    metric_facts: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    links: ClassVar[tuple[Link, ...]] = ()
    tuned: ClassVar[tuple[Tuned, ...]] = ()
    unread: ClassVar[tuple[Unread, ...]] = ()
    monitor: str
    mode: Literal["min", "max"]
    origin: str
    read_backbone: dict[str, Any] | None = None

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

    @in_arguments
    def on_fit_start(self) -> None:
        data_checks.check_datamodule(self)

    @in_arguments
    def on_test_start(self) -> None:
        data_checks.check_datamodule(self)

    @in_arguments
    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        data_checks.check_loaded(self, batch, batch_idx)

    @in_arguments
    def on_validation_batch_start(
        self, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        data_checks.check_loaded(self, batch, batch_idx)

    @in_arguments
    def on_test_batch_start(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        data_checks.check_loaded(self, batch, batch_idx)

    def prompt_description(self) -> str:
        """Return the prompt around a text, for people to read; empty where there is none."""
        return ""

    @property
    def label_names(self) -> list[str]:
        """The names of the labels in the order of their ids; none of a number or an answer."""
        return outputs.labels_of(self)

    def predict(self, texts: Sequence[Text], **settings: Any) -> list[Any]:
        """Predict texts, or pairs of texts as tuples.

        Args:
            texts: N texts.
            settings: ``batch_tokens`` and ``max_new_tokens`` of :func:`inference.predict`.

        Returns:
            For each text a label's name, a number, a list of names, a vector as a list, or the
            answer of a model that writes; N in the order of the texts.

        Raises:
            ValueError: If the module has no head for a task, or the texts do not fit it.
        """
        return inference.predict(self, texts, **settings).values

    def predict_proba(
        self, texts: Sequence[Text], **settings: Any
    ) -> np.ndarray | list[np.ndarray]:
        """Return the probabilities of the labels, (N, labels) float32, as ``label_names`` orders.

        Raises:
            ValueError: As of :meth:`predict`, and if there are no labels.
        """
        inference.check_predicts(self)
        if not self.label_names:
            raise ValueError(f"{type(self).__name__}: its task has no labels; use predict")
        found = inference.predict(self, texts, **settings).probabilities
        assert found is not None  # there are labels
        return found

    def predict_logits(self, batch: Any) -> Tensor:
        """Return the task's logits for a batch without labels; a subclass may spare a cache."""
        # A module that trains reads a prepared batch; one that only answers prompts prepares it.
        task: Any = self.task
        return self(task.prepare(batch, False) if self.trains else batch)

    def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> dict[str, Any]:
        """Predict a batch; see :func:`inference.predict_batch`."""
        return inference.predict_batch(self, batch)
