"""How do other programs ask a trained model? Serves it over HTTP, with a page to try it.

    python experiments/tools/serve.py last
    python experiments/tools/serve.py outputs/lora_sst2/RUN/export --port 9000
    curl -d '{"texts": ["a gripping film", "dull"]}' http://127.0.0.1:8000/predict

`/predict` takes {"text": ...} or {"texts": [...]}; of pairs, {"text": ..., "pair": ...} or lists of
two; and perhaps "top". `/health` tells the model, its task and its labels. A chat model also has
`/chat`: {"messages": [{"role": "user", "content": ...}]}, and "stream": true for server-sent
events. The page at `/` asks the same. Requests that arrive together are predicted together. Only
programs of this machine reach the server unless --host says otherwise; there is no password.
Ctrl-C ends it when the running requests are answered.
"""

import argparse
import sys
from pathlib import Path

from datamodules.optional import check_installed
from experiments.common.arguments import FlagParser, at_least_one
from experiments.common.exits import guarded
from experiments.common.runs import read_run_folder
from experiments.common.shell import command_name

_PURPOSE = "answers over HTTP"


def main() -> None:
    """Serves a model until Ctrl-C."""
    with guarded(command_name()):
        asked = _parse()
        for name in ("fastapi", "uvicorn"):
            check_installed(name, "serve", _PURPOSE)
        from experiments.tools.serving import gate, lifetime

        opened = lifetime.listening(asked.host, asked.port)
        # torch and transformers, which a mistake in a flag spares
        from datamodules import packaged
        from experiments.tools.prediction_model import find_model, open_model
        from experiments.tools.serving import app
        from experiments.tools.serving.service import Limits, Service

        if asked.model in packaged.BACKBONES:
            place, name = Path(packaged.locate(asked.model)), asked.model
        else:
            place = find_model(asked.model, asked.runs)
            name = _name(place)
        module = open_model(str(place), asked.runs)
        cut = asked.long_texts == "cut"
        limits = Limits(
            asked.max_texts, asked.max_kb * 1024, asked.max_new_tokens, cut, asked.batch_tokens
        )
        service = Service(module, name, limits)
        local = gate.is_local(opened.getsockname()[0])
        what = f"{service.name}, {type(module.task).__name__}"
        print(f"{lifetime.url(opened)} serves {what}; Ctrl-C ends", flush=True)
        if not local:
            print(
                f"note   --host {asked.host}: whoever reaches this machine may use the model; "
                f"there is no password",
                file=sys.stderr,
                flush=True,
            )
        door = gate.Gate(app.make(service), local, asked.quiet)
        lifetime.run(door, opened)
        sys.stderr.flush()


def _parse() -> argparse.Namespace:
    parser = FlagParser(__doc__)
    add = parser.add_argument
    add("model", metavar="RUN", help="Model: last, a run's id or folder, an export, or smollm2")
    add("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 is all (127.0.0.1)")
    add("--port", type=int, default=8000, help="Port to listen on; 0 takes a free one (8000)")
    add("--max_texts", type=int, default=256, help="Most texts of a request (256)")
    add("--max_kb", type=int, default=1024, help="Most kilobytes of a request (1024)")
    add(
        "--long_texts",
        choices=["cut", "refuse"],
        default="cut",
        help="Whether a text that is longer than the model reads is cut, and the answer says so, "
        "or is refused (cut)",
    )
    add("--batch_tokens", type=int, default=2048, help="Most padded tokens of a batch (2048)")
    add(
        "--max_new_tokens",
        type=int,
        default=256,
        help="Most tokens of an answer, for a model that writes (256)",
    )
    add("--quiet", action="store_true", help="Print no line for each request")
    add("--runs", default="outputs", help="Folder in which all runs are kept (outputs)")
    asked = parser.parse_args()
    at_least_one(asked, "max_texts", "max_kb", "batch_tokens", "max_new_tokens")
    if not 0 <= asked.port < 1 << 16:
        raise ValueError(f"--port {asked.port}: 0 to 65535")
    return asked


def _name(place: Path) -> str:
    """The name of a model for clients: its run's experiment and id, or its folder's name."""
    whole = place.absolute()
    whole = whole.parent if whole.name == "export" else whole
    run = read_run_folder(whole)
    return f"{run.experiment}/{run.id}" if run else whole.name


if __name__ == "__main__":
    main()
