"""A loopback stand-in for the hub: one data set of three splits."""

import hashlib
import io
import json
from http.server import BaseHTTPRequestHandler

import pyarrow as pa
import pyarrow.parquet as pq

COMMIT = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"
CARD = """---
dataset_info:
- config_name: sst2
  features:
  - name: sentence
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': negative
          '1': positive
  - name: idx
    dtype: int32
configs:
- config_name: sst2
  data_files:
  - {split: train, path: sst2/train-*}
  - {split: validation, path: sst2/validation-*}
  - {split: test, path: sst2/test-*}
---
"""
SPLITS = {
    "train": (["dull", "splendid", 'a " lone quote'], [0, 1, 0]),
    "validation": (["fine"], [1]),
    "test": (["who knows"], [-1]),
}


def parquet(texts: list[str], labels: list[int]) -> bytes:
    index = pa.array(range(len(texts)), pa.int32())
    buffer = io.BytesIO()
    pq.write_table(pa.table({"sentence": texts, "label": labels, "idx": index}), buffer)
    return buffer.getvalue()


FILES = {"README.md": CARD.encode()} | {
    f"sst2/{split}-00000-of-00001.parquet": parquet(*rows) for split, rows in SPLITS.items()
}


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


class Hub(BaseHTTPRequestHandler):
    """nyu-mll/glue as the hub serves it: commit, folder listing, files; other repositories fail."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        path = self.path.partition("?")[0]
        if path == "/":
            return 200, {}, b"hello"
        path = path.removeprefix("/api").removeprefix("/datasets/")
        repo, (verb, _, rest) = "/".join(path.split("/")[:2]), path.split("/", 2)[2].partition("/")
        revision, _, name = rest.partition("/")
        if repo == "nyu-mll/gated":
            return 403, {"X-Error-Code": "GatedRepo"}, b""
        if repo != "nyu-mll/glue":
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if revision not in ("main", COMMIT):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        if verb == "revision":
            return 200, {}, json.dumps({"id": repo, "sha": COMMIT, "siblings": []}).encode()
        if verb == "tree":
            listing = [
                {"type": "file", "path": file, "size": len(data), "oid": sha1(data)}
                for file, data in FILES.items()
                if file.rpartition("/")[0] == name
            ]
            folders = [{"type": "directory", "path": "sst2", "oid": COMMIT}] * (not name)
            return 200, {}, json.dumps(listing + folders).encode()
        if verb == "resolve" and name in FILES:
            head = {"ETag": f'"{sha1(FILES[name])}"', "X-Repo-Commit": COMMIT}
            return 200, head, FILES[name]
        return 404, {"X-Error-Code": "EntryNotFound"}, b""

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        try:
            status, head, body = self.answer()
        except IndexError:  # not about a repository
            status, head, body = 404, {}, b""
        self.send_response(status)
        for name, value in (head | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *args) -> None:
        pass
