"""Where does a result come from? Follows it back to the raw text, without a server.

    python experiments/tools/lineage.py last                   # the newest run that has finished
    python experiments/tools/lineage.py outputs/lora_sst2/RUN/export # or a run's id, or a corpus
    python experiments/tools/lineage.py RUN --also /mnt/moved  # search there for moved files

Each line is an input or output of a run, with the first twelve digits of its digest, the run and
the commit that made it, and its place now. Notes name everything that has changed since.
"""

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from datamodules import packaged, shards
from experiments.common.arguments import FlagParser
from experiments.common.exits import guarded
from experiments.common.runs import RunFolder, find_run
from experiments.common.shell import command_name, relative
from experiments.reporting import screen
from experiments.tracking import provenance
from experiments.tracking.keys import run_folders
from experiments.tracking.provenance import LINEAGE_FILE, Node
from experiments.tracking.run_reader import read_run

_GONE = "not here any more"
_SKIPPED = {"wandb", "checkpoints", "documents", "work", "train", "validation"}


def main() -> None:
    """Prints the chain of a run, an export or a corpus."""
    with guarded(command_name()):
        asked = _parse()
        index = Index([asked.output, *asked.also])
        root = find(asked.run, asked.output)
        notes: list[str] = []
        whole = index.follow(root, notes)
        print(json.dumps(whole, indent=2) if asked.json else tree(whole, notes))


def _parse() -> argparse.Namespace:
    parser = FlagParser(__doc__)
    add = parser.add_argument
    add(
        "run",
        metavar="RUN",
        help="Start of the chain: last, a run's id or folder, an export, or a corpus",
    )
    add("--output", default="outputs", help="Folder in which all runs are kept (outputs)")
    also = "More folders in which to search for files that have moved (data)"
    add("--also", nargs="+", default=["data"], metavar="FOLDER", help=also)
    add("--json", action="store_true", help="Print the chain as JSON")
    return parser.parse_args()


def find(wanted: str, output: str) -> Node:
    """Finds the node of a run, an export or a corpus.

    Raises:
        ValueError: If it is none of these, or if it has no lineage.
    """
    place = Path(wanted).expanduser()
    if not place.is_dir():

        def unfit(run: RunFolder) -> str:
            return "" if run.finished else "has not finished"

        place = find_run(wanted, Path(output), unfit, "finished run").path
    if (place / "result.json").is_file():
        return _of_result(place)
    if (place / LINEAGE_FILE).is_file():
        return provenance.of_export(place)
    if (place / "manifest.json").is_file():
        return provenance.of_corpus(place)
    if (place / "config.yaml").is_file() and run_folders(place):
        return _of_record(place)
    raise ValueError(f"{wanted}: not a run, export or corpus with a lineage")


def _of_result(run: Path) -> Node:
    """The evaluation of a finished run, with the model that the run made or was given."""
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    if "outputs" not in result:
        raise ValueError(f"{run}: ended before runs declared their lineage")
    made = {"run": run.name, "commit": result["git_commit"]}
    outputs, inputs = result["outputs"], result["inputs"]
    model = inputs.get("backbone")
    if "model" in outputs:
        model = {**outputs["model"], **made, "inputs": inputs}
    data = {role: inputs[role] for role in ("dataset", "corpus") if role in inputs}
    about = {"metrics": result["metrics"]}
    return {**outputs["evaluation"], **made, "about": about, "inputs": {"model": model, **data}}


def _of_record(run: Path) -> Node:
    """The node of an unfinished run, with the inputs that it declared at its start."""
    record = read_run(run)
    config = record.config
    if "inputs" not in config:
        raise ValueError(f"{run}: began before runs declared their lineage")
    name = f"{run.parent.name}, {record.state or 'unfinished'}"
    made = {"run": run.name, "commit": config["git_commit"], "inputs": config["inputs"]}
    return {"name": name, "type": "run", "digest": "", "path": str(run.resolve()), **made}


def _walk(root: str) -> Iterator[tuple[str, list[str]]]:
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if name not in _SKIPPED and not name.startswith(".")]
        yield folder, files


class Index:
    """Finds nodes by digest in some folders, which it searches only when a node is missing."""

    def __init__(self, roots: list[str]) -> None:
        self.roots = roots
        self._nodes: dict[str, Node] | None = None

    def get(self, digest: str) -> Node | None:
        """The node with this digest, if the folders hold it."""
        if self._nodes is None:
            self._nodes = {}
            for node in self._found():
                if node["path"] or node["digest"] not in self._nodes:
                    self._nodes[node["digest"]] = node
        return self._nodes.get(digest)

    def _found(self) -> Iterator[Node]:
        """Yields the nodes in the folders with their declared digests; nothing is hashed."""
        for folder, files in (found for root in self.roots for found in _walk(root)):
            place = Path(folder)
            with suppress(OSError, ValueError, KeyError):  # of another program, or older
                if "result.json" in files:
                    yield {**_of_result(place)["inputs"]["model"], "path": None}
                if LINEAGE_FILE in files:
                    said = provenance.read_lineage(place)
                    yield {**said, "path": str(place.resolve())}
                if "manifest.json" in files:
                    said = shards.read_manifest(place)
                    path = str(place.resolve())
                    yield {
                        "digest": said["fingerprint"],
                        "path": path,
                        **provenance.made_from(said),
                    }
                    yield provenance.of_tokenizer(place / "tokenizer")

    def follow(self, node: Node, notes: list[str]) -> Node:
        """The node with all inputs before it, and the place of each now."""
        node = {**node, "where": self._where(node, notes)}
        if "declared" in node:
            notes += provenance.changed_inputs({node["type"]: node})
        if not node.get("inputs") and provenance.is_folder(node):
            known = self.get(node["digest"]) or {}
            node |= {k: known[k] for k in ("run", "commit", "inputs") if known.get(k)}
        if not node.get("inputs") and (package := packaged.find_package(node["name"])):
            node["inputs"] = {"package": provenance.of_package(package)}
        below = node.get("inputs", {})
        node["inputs"] = {role: self.follow(child, notes) for role, child in below.items()}
        return node

    def _where(self, node: Node, notes: list[str]) -> str:
        """The place of a node: its old one, or one where the same content is found."""
        path, kind = node.get("path"), node["type"]
        if path is None:
            return "" if kind in ("text", "dataset") else "on the package index"
        if not provenance.is_folder(node):
            return path if Path(path).exists() else _GONE
        now = provenance.digest_of(Path(path), kind)
        if now == node["digest"]:
            return path
        if now:
            place = relative(Path(path))
            notes.append(
                f"{kind} {node['name']}: {place} holds another one now, {now[:12]} instead of "
                f"{node['digest'][:12]}"
            )
        there = (self.get(node["digest"]) or {}).get("path")
        same = there and provenance.digest_of(Path(there), kind) == node["digest"]
        return there if same else _GONE


def tree(root: Node, notes: list[str]) -> str:
    """The chain as text: a line for each node below the headings, then the notes."""
    rows = [("", "digest", "run", "date", "commit", "where"), *_rows(root, "", "", set())]
    most = screen.columns(10_000)  # a pipe gets whole paths, which its reader may need
    if screen.least_width(rows) > most:
        rows = [(*row[:3], *row[4:]) for row in rows]  # the run's id begins with its date
    table, said = screen.table(rows, most=most), [f"note   {note}" for note in dict.fromkeys(notes)]
    if any(row[-1] not in table for row in rows):
        said.append("note   --json has whole paths, which the terminal has no room for")
    return "\n".join([table, *(line for note in said for line in screen.text_lines(note, most))])


def _rows(node: Node, lead: str, below: str, seen: set[str]) -> Iterator[tuple[str, ...]]:
    changed = " (changed since)" * ("declared" in node)
    title, again = f"{lead}{node['type']}  {_said(node)}{changed}", node["digest"] in seen
    run, where = node.get("run") or "", node["where"]
    where = relative(Path(where)) if where.startswith("/") else where
    commit, _, dirty = (node.get("commit") or "").partition("-")
    commit = f"{commit[:7]}{'-dirty' * bool(dirty)}"
    rest = (run, _date(run), commit, where)
    yield (title, node["digest"][:12], *(("", "", "", "see above") if again else rest))
    if again:
        return
    seen.add(node["digest"])
    children = list(node["inputs"].values())
    for number, child in enumerate(children, 1):
        last = number == len(children)
        branch, gap = ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield from _rows(child, below + branch, below + gap, seen)


def _said(node: Node) -> str:
    """The name of a node; for an evaluation, its main metric."""
    measured = node.get("about", {}).get("metrics", {})
    metrics = {name: value for name, value in measured.items() if value is not None}
    if not metrics:
        return node["name"]
    tested = [name for name in metrics if name.startswith("test/")] or list(metrics)
    name = min(tested, key=lambda name: ("loss" in name, name))
    return f"{name} {metrics[name]:.4f}"


def _date(run: str) -> str:
    """The start of a run, read from its id, as 261125-101500-ab12; empty for other ids."""
    day, time = run[:6], run[7:13]
    if not (day.isdigit() and time.isdigit() and len(time) == 6):
        return ""
    return f"20{day[:2]}-{day[2:4]}-{day[4:]} {time[:2]}:{time[2:4]}"


if __name__ == "__main__":
    main()
