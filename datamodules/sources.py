"""The sources of a labelled data set: the hub, a bundled package, or files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from datamodules import hub, tables
from datamodules.files import ReadOptions
from datamodules.labels import LabelKind, LabelOptions

NAMED = ("auto", "hub", "bundled")  # sources that are no path
Columns = tuple[str | None, str | None, str]  # of the text, of its pair, of the label


def require_path(module: object, source: str) -> None:
    """Refuse a source that is no path, for a data module of files.

    Raises:
        ValueError: If it is none.
    """
    if source in ("", *NAMED):
        name = type(module).__name__
        raise ValueError(f"--data {name} needs --data.source PATH: a folder or a file")


def read(
    source: str,
    columns: Columns,
    repo: str | None,
    config: str | None,
    names: tuple[str, ...] | None,
    bundled: Callable[[], tuple[tables.Dataset, str]],
    kind: LabelKind = "class",
    options: ReadOptions | None = None,
    label_options: LabelOptions | None = None,
) -> tuple[str, str, tables.Dataset]:
    """Read the data set of ``--data.source``, with its kind (hub | bundled | files) and origin.

    Args:
        source: auto | hub | bundled, or a path.
        columns: The columns of the text, of its pair and of the label.
        repo: The repository on the hub; None if there is none.
        config: The configuration of the repository.
        names: The names of the classes that files give as integers.
        bundled: Reads the bundled data, and names them.
        kind: The kind of labels that is wanted.
        options: How files are read.
        label_options: How labels are read.
    """
    if source == "hub":
        hub.require(repo)
    if source not in NAMED:
        path = Path(source).expanduser()
        dataset = tables.read_path(path, *columns, names, kind, options, label_options)
        return "files", str(path), dataset
    if options:
        options.refuse()
    if source != "bundled" and repo is not None:
        why = "the hub does not answer"
        try:
            ask = source == "hub" or hub.reachable()
            found = hub.load(repo, config) if ask else hub.load_cached(repo, config)
        except ValueError as error:
            if source == "hub":
                raise
            why = str(error).removeprefix("--data.source hub: ")  # a gateway in its place, perhaps
            found = hub.load_cached(repo, config)
        if found is not None:
            bad_rows = options.bad_rows if options else "stop"
            dataset = hub.to_dataset(found, *columns, kind, bad_rows, label_options)
            return "hub", hub.source(repo, config, found), dataset
    if label_options and (given := label_options.given()):
        raise ValueError(f"--data.{given[0]}: bundled labels are in order: leave it out")
    splits, name = bundled()
    if kind == "none":
        unlabelled = {key: replace(split, labels=None) for key, split in splits.splits.items()}
        splits = replace(splits, splits=unlabelled, label_names=(), kind=kind)
    elif kind != "class":
        raise ValueError(f"--model.task: {name} has one class a row, which that task cannot use")
    if source == "auto" and repo is not None:
        note = (
            f"{why} and {repo} is not in its cache: using the bundled {name} instead "
            f"(--data.source hub insists, or give a PATH)"
        )
        splits = replace(splits, notes=[note, *splits.notes])
    return "bundled", name, splits
