"""Documents of a data set on the hub: its configuration, its split, and streaming."""

import json
import os
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.datamodules.hub_server import SPLITS, Hub

ROOT = Path(__file__).parents[3]
CODE = """
import json, sys
from pathlib import Path
from datamodules.pipeline.locating import Source, prepare
from datamodules.pipeline.reading import DocumentReader
found = []
for settings in json.loads(sys.argv[1]):
    tasks = settings.pop("tasks", 1)
    source = Source("nyu-mll/glue:" + settings.pop("config", "sst2"), **settings)
    try:
        origin = prepare(source)[0]
        steps = [DocumentReader([source], True, Path("progress")) for _ in range(tasks)]
        read = [doc for rank in range(tasks) for doc in steps[rank].run(None, rank, tasks)]
        found.append([origin, {doc.id: doc.text for doc in read}, list(steps[0].notes)])
    except ValueError as error:
        found.append(str(error))
print(json.dumps(found))
"""


@pytest.mark.slow
def test_a_configuration_and_a_split_downloaded_or_streamed(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.paths = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wanted = [
        {},
        {"tasks": 2},
        {"streaming": True},
        {"streaming": True, "tasks": 2},
        {"streaming": True, "limit": 2},
        {"split": "validation"},
        {"config": "sst3"},
    ]
    clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and k[:3] != "HF_"}
    hub = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(tmp_path)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", CODE, json.dumps(wanted)],
            env=clean | hub | {"PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    whole, dealt, streamed, both, first, validation, missing = json.loads(done.stdout)
    texts = SPLITS["train"][0]
    origin, documents, notes = whole
    assert origin == "hub:nyu-mll/glue:sst2"
    assert documents == {f"nyu-mll/glue:sst2/{row}": text for row, text in enumerate(texts)}
    assert notes == ["the text is in 'sentence'; --text_column names another"]
    for other in (dealt, streamed, both):
        assert sorted(other[1].values()) == sorted(texts)
    assert list(first[1].values()) == texts[:2]
    assert list(validation[1].values()) == SPLITS["validation"][0]
    assert "BuilderConfig 'sst3' not found" in missing and "\n" not in missing
