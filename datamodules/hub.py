"""Labelled text from the Hugging Face hub or its local cache, with no wait for a dead network."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datamodules.files import BadRows, Table
from datamodules.files.arrow import class_names
from datamodules.files.columns import first_column
from datamodules.files.folders import SPLITS
from datamodules.labels import LabelKind, LabelOptions
from datamodules.reachability import reachable
from datamodules.tables import Dataset, build_dataset

if TYPE_CHECKING:
    from datasets import DatasetDict


def names_repo(source: str) -> bool:
    """Whether a source is owner/name rather than a path; a version in it is no ending of a file."""
    path = Path(source).expanduser()
    file = path.exists() or path.suffix[1:2].isalpha()
    return not file and source.count("/") == 1


def load(repo: str, name: str | None = None, revision: str | None = None) -> "DatasetDict":
    """Load a data set with one-line errors; the cached copy if the hub does not answer."""
    title = f"{repo}/{name}" if name else repo
    if not reachable():
        found = load_cached(repo, name)
        if found is not None and revision in (None, fingerprint(found)):
            return found
        from huggingface_hub import constants

        raise ValueError(
            f"--data.source hub: {constants.ENDPOINT} does not answer and {title} is not in the "
            "local cache: check the network, or give --data.source bundled or a path"
        )
    import datasets

    try:
        # The prefix keeps a local folder of the same name from taking the hub's place.
        return datasets.load_dataset(f"hf://datasets/{repo}", name, revision=revision)
    except Exception as error:
        raise ValueError(f"--data.source hub: {title}: {_explained(error)}") from error


def _explained(error: Exception) -> str:
    """Explain an error in one line, with the remedy where that is known."""
    from datasets.exceptions import DatasetNotFoundError

    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, DatasetNotFoundError) and "gated" in reason:
        return "no permission: ask for access on its page at the hub, then run `hf auth login`"
    if isinstance(error, DatasetNotFoundError) and not reason.startswith("Revision"):
        return "no such dataset, or a private one: check the name, or run `hf auth login`"
    return reason[:300]


def load_cached(repo: str, name: str | None = None) -> "DatasetDict | None":
    """Load the newest copy in the local cache, without the network; None if there is none."""
    from huggingface_hub import constants

    cache = os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME) / "datasets"
    cache, (*owner, last) = Path(cache).expanduser(), repo.split("/")
    # A look at the folders first: `datasets` takes two seconds to import.
    if not any(cache.glob("___".join([*owner, "*"]))):
        return None
    from datasets.naming import camelcase_to_snakecase
    from datasets.packaged_modules.cache.cache import Cache

    folder = cache / "___".join([*owner, camelcase_to_snakecase(last)])
    infos = folder.glob(f"{name or '*'}/*/*/dataset_info.json")
    # A download that was killed leaves `<commit>.incomplete`, on which the library itself trips.
    complete = [info for info in infos if info.parent.suffix != ".incomplete"]
    if len({info.parts[-4] for info in complete}) != 1:
        return None  # nothing, or several configurations of which none was named
    newest = max(complete, key=lambda info: info.stat().st_mtime)
    config, version, commit = newest.parts[-4:-1]
    builder = Cache(
        dataset_name=last, repo_id=repo, config_name=config, version=version, hash=commit
    )
    return builder.as_dataset()


def fingerprint(found: "DatasetDict") -> str:
    """The commit of the hub repository, which is the name of the cache folder."""
    first = next(iter(found.values()))
    if not first.cache_files:  # held in memory, by HF_DATASETS_IN_MEMORY_MAX_SIZE
        return first._fingerprint
    return Path(first.cache_files[0]["filename"]).parent.name


def source(repo: str, name: str | None, found: "DatasetDict") -> str:
    """The source of the data for the run's records: hub:nyu-mll/glue/sst2@<commit>."""
    return f"hub:{repo}/{name}@{fingerprint(found)}" if name else f"hub:{repo}@{fingerprint(found)}"


def require(repo: str | None) -> str:
    """The hub data set of a data module.

    Raises:
        ValueError: If it has none.
    """
    if repo is None:
        raise ValueError("--data.source hub: this data module has no hub data set")
    return repo


def read(repo: str | None, name: str | None = None) -> tuple[dict[str, Table], str]:
    """The table of each split of a data module's hub data set, and the source for the records.

    Raises:
        ValueError: If the module has none, if it cannot be loaded, or has no train split.
    """
    repo = require(repo)
    found = load(repo, name)
    tables = split_tables(found)
    if "train" not in tables:
        raise ValueError(_no_train(found))
    return tables, source(repo, name, found)


def split_tables(
    found: Mapping[str, Any], wanted: Collection[str | None] | None = None, kind: str = ""
) -> dict[str, Table]:
    """The table of each split that a hub data set has under one of its usual names.

    Args:
        found: The splits as the hub names them.
        wanted: The columns to read; all by default. Errors about columns name the others, too.
        kind: A word that may stand behind the name of a split, as in train_sft.
    """
    tables = {}
    for split, usual in SPLITS.items():
        names = (*usual, f"{split}_{kind}") if kind else usual
        for name in [n for n in names if n in found][:1]:
            rows = found[name]
            columns = {
                c: rows[c][:] if wanted is None or c in wanted else [] for c in rows.column_names
            }
            classes, numbers = class_names(rows.features), range(1, len(rows) + 1)
            title = f"hub split {name}"
            tables[split] = Table(title, columns, numbers, label_names=classes, adds_nulls=True)
    return tables


def _no_train(found: Mapping[str, Any]) -> str:
    there = ", ".join(found)
    return f"--data.source hub: no train split (there: {there}): use another one"


def to_dataset(
    found: "DatasetDict",
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str = "label",
    kind: LabelKind = "class",
    bad_rows: BadRows = "stop",
    label_options: LabelOptions | None = None,
) -> Dataset:
    """Make checked splits with the hub's label names; a test split without labels is left out."""
    if "train" not in found:
        raise ValueError(_no_train(found))
    given = [name for name in (text_column, pair_column, *label_column.split(",")) if name]
    names = found["train"].column_names
    wanted = {"sentence", "text", *(first_column(names, name) for name in given)}
    stated = class_names(found["train"].features)
    if label_column in stated and kind == "number":
        raise ValueError(f"--model.task: {label_column!r} of the hub data is a class, not a number")
    return build_dataset(
        split_tables(found, wanted),
        text_column,
        pair_column,
        label_column,
        kind=kind,
        bad_rows=bad_rows,
        label_options=label_options,
        stratified=False,  # so that published figures stay comparable
    )
