"""The commands of docs/finetuning.md that lead from a CSV to a served model, one by one."""

import csv
import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modules import load
from tests import pages, tickets
from tests.experiments import forking, running

CONSOLE = "import sys; sys.argv = ['pretune', *sys.argv[1:]]; "
CONSOLE += "from experiments.tools import console; console.main()"


def lines() -> list[str]:
    """The lines of the story's block, those that go on joined."""
    (block,) = (b for b in pages.blocks("docs/finetuning.md") if b.about == "tickets")
    return block.text.replace("\\\n", " ").splitlines()


class Shell:
    """A terminal in a folder, with the commands of this repository; a server stays behind.

    Attributes:
        said: What each command that has ended printed, by its words.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, {}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])  # in place of 8000, which may be in use
        self.server: subprocess.Popen | None = None
        self.environment = running.environment(Path.home()) | {"PYTHONPATH": str(running.ROOT)}
        del self.environment["PRETUNE_CACHE"]  # the ordinary one

    def run(self, words: list[str]) -> None:
        """Run a command as it stands on the page."""
        match words:
            case ["pretune", *rest]:
                command = [sys.executable, "-c", CONSOLE, *rest]
            case ["python", script, *rest]:
                command = [sys.executable, str(running.ROOT / script), *rest]
            case ["curl", *rest]:
                rest[-1] = rest[-1].replace(":8000", f":{self.port}")
                command = ["curl", "--silent", "--show-error", "--fail", *rest]
        settings = {"cwd": self.folder, "env": self.environment, "text": True}
        if words[:2] == ["pretune", "serve"]:
            log = (self.folder / "serve.log").open("w")
            self.server = forking.start(
                [*command, "--port", self.port],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **settings,
            )
            deadline = time.monotonic() + 300
            while " serves " not in (self.folder / "serve.log").read_text():
                alive = self.server.poll() is None and time.monotonic() < deadline
                assert alive, (self.folder / "serve.log").read_text()
                time.sleep(0.1)
            return
        if words[0] == "curl":
            ended = subprocess.run(command, capture_output=True, timeout=600, **settings)
        else:
            ended = forking.run(command, timeout=600, **settings)
        assert ended.returncode == 0, (words, ended.stdout[-2000:], ended.stderr[-4000:])
        self.said[" ".join(words)] = ended.stdout + ended.stderr

    def of(self, begin: str) -> str:
        """What the command that begins so printed."""
        (found,) = (said for words, said in self.said.items() if words.startswith(begin))
        return found


@pytest.mark.slow
def test_from_a_csv_to_a_served_model(tmp_path):
    texts = tickets.write(tmp_path)
    shell = Shell(tmp_path)
    story = [words for line in lines() for words in pages.commands(line)]
    assert len(story) <= 10 and story[-1][0] == "curl"
    try:
        for words in story:
            shell.run(words)
    finally:
        if shell.server:
            shell.server.send_signal(signal.SIGINT)
            code = shell.server.wait(60)
    assert code == 0
    first = shell.of("python experiments/linear_probe_sst2.py")
    assert re.search(r"^class\s+train\s+validation\s+test\s+example$", first, re.M), first
    assert all(re.search(rf"^{team} ", first, re.M) for team in tickets.TEAMS)
    assert "baseline: always " in first
    assert len(list((tmp_path / "outputs").glob("*/*/result.json"))) == 3
    compared = shell.of("pretune compare")
    assert all(name in compared for name in ("LinearProbe", "FullFineTuning", "LoRA")), compared
    with (tmp_path / "labelled.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["message"] for row in rows] == texts
    assert {row["prediction"] for row in rows} <= set(tickets.TEAMS)
    said = shell.of("pretune predict last new.csv --column message --bad_rows skip --output lab")
    assert "1 row was left out: " in said and "longer than the model reads" in said
    (page,) = (tmp_path / "outputs" / "lora_sst2").glob("*/errors/*.html")
    assert "mistake" in page.read_text().lower()
    health = json.loads(shell.of("curl http://127.0.0.1:8000/health"))
    assert health["model"] == "ticket-teams" and sorted(health["labels"]) == sorted(tickets.TEAMS)
    (run,) = (tmp_path / "outputs" / "lora_sst2").iterdir()
    asked, answer = story[-1][2], json.loads(shell.of("curl -d"))
    assert [answer["prediction"]] == load(run).predict([json.loads(asked)["text"]])
    assert answer["prediction"] in tickets.TEAMS and not answer["truncated"]
    assert "stopped after " in (tmp_path / "serve.log").read_text()
