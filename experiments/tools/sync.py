"""Have all my runs reached W&B? Uploads runs from disk, and asks the server.

    python experiments/tools/sync.py                        # every run under outputs/
    python experiments/tools/sync.py outputs/lora_sst2/RUN

It uploads offline runs, and the rest of online runs that the server lacks, in the order in which
they were started. Then it asks the server for rows, summary and artifacts. The command can be
repeated: it skips runs that have arrived, and completes a run that was resumed since.
"""

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.common.arguments import FlagParser
from experiments.common.exits import guarded, one_line
from experiments.common.runs import find_run
from experiments.common.shell import command_name, this_command
from experiments.tracking.local_runs import LocalRun, find_local_runs
from experiments.tracking.settings import find_key
from experiments.tracking.shutdown import forget_service
from experiments.tracking.upload import upload_run

if TYPE_CHECKING:
    import wandb


def main() -> None:
    """Uploads the runs that have not arrived; ends with exit code 1 if an upload fails."""
    with guarded(command_name()):
        places = _parse()
        runs = find_local_runs(places)
        if not runs:
            raise ValueError(f"no run in {', '.join(map(str, places))}")
        again = this_command()
        try:
            with tempfile.TemporaryDirectory() as scratch:
                counts = _upload_all(runs, *_server(scratch))
        except KeyboardInterrupt:
            print(f"\nContinue, without uploaded runs, with: {again}", file=sys.stderr)
            raise
        shown = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        print(f"done   {' '.join(map(str, places))} ({shown})")
        if counts["failed"]:
            print(f"       repeat, without uploaded runs, with: {again}")
            raise SystemExit(1)


def _parse() -> list[Path]:
    parser = FlagParser(__doc__)
    runs = "A run's id, last, or a folder of runs (every run under --output)"
    parser.add_argument("runs", nargs="*", metavar="RUN", help=runs)
    parser.add_argument(
        "--output", default="outputs", help="The folder under which runs are kept (outputs)"
    )
    asked = parser.parse_args()
    root = Path(asked.output)
    if not root.is_dir() and not asked.runs:
        raise ValueError(f"--output {root}: there is no such folder")
    return [_place(word, root) for word in asked.runs] or [root]


def _place(wanted: str, root: Path) -> Path:
    """The folder of the run, or of runs, that is asked for."""
    folder = Path(wanted).expanduser()
    return folder if folder.is_dir() else find_run(wanted, root, lambda run: "", "run").path


def _server(scratch: str) -> tuple["wandb.Api", str]:
    """Connects to the server and prints its host; returns the client and the host.

    Raises:
        ValueError: If there is no key, or if the server does not answer.
    """
    host, source = find_key()
    if source is None:
        raise ValueError(f"no key for {host}: run `wandb login` or set WANDB_API_KEY")
    import wandb

    os.environ.pop("WANDB_MODE", None)  # here it is asked for
    os.environ["WANDB_ERROR_REPORTING"] = "false"
    # The client makes a folder for each run that it asks about.
    os.environ.update(WANDB_DIR=scratch, WANDB_CACHE_DIR=scratch)
    forget_service()
    try:
        api = wandb.Api(timeout=30)
        entity = api.default_entity
    except Exception as error:  # of many types
        raise ValueError(f"W&B at {host} does not answer: {one_line(error)}") from error
    print(f"host   {host}, as {entity} (key from {source})", flush=True)
    return api, host


def _upload_all(runs: list[LocalRun], api: "wandb.Api", host: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for number, run in enumerate(runs, 1):
        print(f"{number:>{len(str(len(runs)))}}/{len(runs)}  {run}: ", end="", flush=True)
        kind, more = upload_run(api, host, run)
        print(f"{kind}{more}", flush=True)
        counts[kind] += 1
    return counts


if __name__ == "__main__":
    main()
