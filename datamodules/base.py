"""The base of the data modules: it serves rows in batches and resumes inside an epoch."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np
import torch
from jsonargparse.typing import NonNegativeInt
from lightning.pytorch import LightningDataModule

from datamodules.argument_names import SpeaksOfArguments, in_arguments
from datamodules.cores import usable_cores
from datamodules.sampling import LengthBatchSampler, PlainBatches, ResumableLoader
from datamodules.unread import Unread

Workers: TypeAlias = NonNegativeInt | Literal["auto"]
_WORKERS = 4  # of a loader on a GPU, at most


class Rows(Protocol):
    """The tokenised rows of a split."""

    @property
    def lengths(self) -> np.ndarray:
        """The number of tokens of each row, (N,)."""

    def __len__(self) -> int: ...

    def __getitems__(self, rows: list[int], /) -> Mapping[str, Any]:
        """A batch of these rows."""


class Splits(Protocol):
    """The splits of a data set by name: "train", "validation" and perhaps "test"."""

    @property
    def splits(self) -> Mapping[str, Any]: ...

    @property
    def fingerprint(self) -> str: ...


class RowDataModule(LightningDataModule, metaclass=SpeaksOfArguments):
    """A data module whose rows lie in ``_rows``; its place in an epoch is part of the checkpoint.

    A subclass fills ``_rows`` by split in ``prepare_data`` or ``setup``, and overrides ``facts``
    and ``notes``. One without a ``dataset`` overrides the properties below, too.

    Attributes:
        dataset: The texts of all splits, which are read at the first use.
        source_kind: bundled, hub or files, of a ``dataset`` that was read.
        reads_labels: Whether the task says what kind of labels is read (``labels``).
        unread: Arguments that have no effect beside some value of another one.
        task_links: Attributes of the built data module that the task takes, as pairs of their name
            here and of the task's argument.
        predict_split: The split that ``trainer.predict`` reads; that of the test if None.
    """

    reads_labels: ClassVar[bool] = False
    unread: ClassVar[tuple[Unread, ...]] = ()
    task_links: ClassVar[tuple[tuple[str, str], ...]] = ()
    batches: type[LengthBatchSampler] = LengthBatchSampler
    predict_split: str | None = None
    _rows: Mapping[str, Rows]

    if TYPE_CHECKING:  # a subclass has it or not, which callbacks ask

        @property
        def dataset(self) -> Splits: ...

    def __init__(
        self,
        seed: int,
        batch_tokens: int | None,
        batch_size: int | None,
        workers: int | Literal["auto"],
    ) -> None:
        super().__init__()
        self.seed, self.workers = seed, workers
        self.batch_tokens, self.batch_size = batch_tokens, batch_size
        self.source_kind, self._origin = "", ""
        self._train: ResumableLoader | None = None
        self._resumed: dict | None = None
        self._planned_world_size: int | None = None  # devices of the run that is resumed
        # A module may replace it: the tokens that it feeds its model for rows of such lengths,
        # (N,) to (N,). By these the batches are made.
        self.num_input_tokens: Callable[[np.ndarray], np.ndarray] = np.asarray

    @property
    def fingerprint(self) -> str:
        """A digest of all texts, which a resumed run must find again."""
        return self.dataset.fingerprint

    @property
    def origin(self) -> str:
        """The source of the data, in words."""
        return self._origin

    @property
    def test_split(self) -> str:
        """The split that the test runs on: validation where there is no test."""
        return tested(self.dataset.splits)

    def bundled(self) -> tuple[Any, str]:
        """Read the bundled data, and name them. A subclass overrides it if there are some."""
        raise ValueError(f"--data.source bundled: no data for {type(self).__name__} is bundled")

    def facts(self) -> dict[str, Any]:
        """The facts about the data that the run's config and result record. Needs ``setup``."""
        splits = self.dataset.splits
        return {
            "source": self.source_kind,
            "origin": self.origin,
            "fingerprint": self.fingerprint,
            "split_fingerprints": {name: part.fingerprint[:16] for name, part in splits.items()},
            "rows": {name: len(part) for name, part in splits.items()},
            "test_split": self.test_split,
        }

    def notes(self) -> list[str]:
        """The remarks on the data that the user should read, a line each. Needs ``setup``."""
        raise NotImplementedError

    def warnings(self) -> list[str]:
        """Lines on what looks wrong with the data, each with its rule and a remedy.

        Needs ``setup``. Large data are sampled: it takes no more time than small ones do.
        """
        return []

    def suggested_epochs(self) -> int | None:
        """The epochs of a run that sets no length of its own; None to leave it. Needs ``setup``."""
        return None

    def max_row_length(self) -> int:
        """The number of tokens of the longest row of all splits. Needs ``setup``."""
        return max(int(rows.lengths.max()) for rows in self._rows.values())

    @in_arguments
    def setup(self, stage: str) -> None:
        self.prepare_data()  # from the cache, in the processes that waited

    def _loader(self, split: str, shuffle: bool, shared: bool = True) -> ResumableLoader:
        trainer, rows = self.trainer, self._rows[split]
        rank, world_size = (
            (trainer.global_rank, trainer.world_size) if trainer and shared else (0, 1)
        )
        sampler = self.batches(
            self.num_input_tokens(rows.lengths),
            None if self.batch_size else self.batch_tokens,
            self.batch_size,
            shuffle,
            self.seed,
            rank,
            world_size,
            planned_world_size=self._planned_world_size if split == "train" else None,
        )
        return ResumableLoader(rows, sampler, workers=self._num_workers())

    def _num_workers(self) -> int:
        """The processes of a loader: on a GPU, which would wait, a share of the processor's cores.

        On a CPU they would take the cores from the training.
        """
        if self.workers != "auto":
            return int(self.workers)
        strategy = getattr(self.trainer, "strategy", None)
        if strategy is None or strategy.root_device.type != "cuda":
            return 0
        cores = usable_cores() // max(1, torch.cuda.device_count())
        return max(0, min(_WORKERS, cores - 1))

    def train_dataloader(self) -> ResumableLoader:
        # Overfitting trains on the same batches in every epoch.
        overfits = getattr(self.trainer, "overfit_batches", 0) > 0  # set at run time
        self._train = self._loader("train", shuffle=not overfits)
        if self._resumed:
            self._train.load_state_dict(self._resumed)
            self._resumed = None
        return self._train

    def val_dataloader(self) -> ResumableLoader | list:
        return self._loader("validation", shuffle=False)

    def test_dataloader(self) -> ResumableLoader:
        return self._loader(self.test_split, shuffle=False)

    def predict_dataloader(self) -> PlainBatches:
        """The batches of ``predict_split``, which hold the places of their rows in it."""
        split = self.predict_split or self.test_split
        if split not in self._rows:
            raise ValueError(f"predict_split {split}: the data has {', '.join(self._rows)}")
        return PlainBatches(self._loader(split, shuffle=False))

    def spread_batches(self, split: str, most: int) -> Iterator[Mapping[str, Any]]:
        """Yield batches of at most so many rows, spread evenly over a split; rows of like length
        share a batch.
        """
        rows = self._rows[split]
        chosen = np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int)
        chosen = chosen[np.argsort(rows.lengths[chosen], kind="stable")]
        for start in range(0, len(chosen), 64):
            yield rows.__getitems__(chosen[start : start + 64].tolist())

    def unsharded_test_dataloader(self) -> ResumableLoader:
        """A loader of all test rows, also where several devices share the test."""
        return self._loader(self.test_split, shuffle=False, shared=False)

    def state_dict(self) -> dict:
        """The place in the epoch, for the checkpoint.

        Lightning makes the loader before it has read the checkpoint, if an optimizer asks for the
        number of steps, and then forgets the loader's own state.
        """
        return {"fingerprint": self.fingerprint} | self._place()

    def _place(self) -> dict:
        if not self._train:
            return {}
        devices = self._train.batch_sampler.planned_world_size
        return {"train": self._train.state_dict(), "devices": devices}

    def load_state_dict(self, state_dict: dict) -> None:
        if state_dict["fingerprint"] != self.fingerprint:
            raise ValueError(
                f"--data.source {getattr(self, 'source', '')}: {self.origin} is not what the run "
                f"was trained on; give it the data it had, or begin a new run"
            )
        self._resume(state_dict)

    def _resume(self, state_dict: dict) -> None:
        self._resumed = state_dict.get("train")
        self._planned_world_size = state_dict.get("devices")


def tested(splits: Collection[str]) -> str:
    """The split for the test, of those that there are."""
    return "test" if "test" in splits else "validation"
