"""Web archives: the bodies of responses are read as their pages were."""

import gzip
import zlib

import brotli
import pyarrow as pa
import pytest

from tests.datamodules.pipeline.sources import read


def test_a_warc(tmp_path):
    page, records = b"<html><body><p>A page of a crawl.</p></body></html>", b""
    for address, kind, body in ((b"a", b"text/html", page), (b"b.png", b"image/png", b"\x89PNG")):
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\n\r\n" + body
        records += b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://example.org/"
        records += address + b"\r\nContent-Type: application/http; msgtype=response\r\n"
        records += b"Content-Length: %d\r\n\r\n" % len(answer) + answer + b"\r\n\r\n"
    (tmp_path / "x.warc.gz").write_bytes(gzip.compress(records))
    texts, faults = read(tmp_path / "x.warc.gz", tmp_path)
    assert texts == {"http://example.org/a": page.decode()} and faults == []


PAGE = ("<html><body><p>" + "A page of a crawl, as it was. " * 300 + "</p></body></html>").encode()
BARE = zlib.compressobj(wbits=-15)


def chunked(body: bytes) -> bytes:
    parts = (body[:50], body[50:])
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


BODIES = {
    "chunks": ("Transfer-Encoding: chunked", chunked(PAGE)),
    "an extension": ("transfer-encoding: Chunked", b"%x;a=b\r\n" % len(PAGE) + PAGE + b"\r\n0\r\n"),
    "gzip": ("Content-Encoding: gzip", gzip.compress(PAGE)),
    "x-gzip": ("Content-Encoding: x-gzip", gzip.compress(PAGE[:99]) + gzip.compress(PAGE[99:])),
    "deflate": ("Content-Encoding: deflate", zlib.compress(PAGE)),
    "bare deflate": ("Content-Encoding: deflate", BARE.compress(PAGE) + BARE.flush()),
    "brotli": ("Content-Encoding: br", brotli.compress(PAGE)),
    "zstd": ("Content-Encoding: zstd", pa.compress(PAGE, codec="zstd", asbytes=True)),
    "both": (
        "Content-Encoding: gzip\r\nTransfer-Encoding: chunked",
        chunked(gzip.compress(PAGE)),
    ),
    "two": ("Content-Encoding: deflate, gzip", gzip.compress(zlib.compress(PAGE))),
    # The crawler has decoded these and kept the header.
    "decoded": ("Content-Encoding: gzip\r\nTransfer-Encoding: chunked", PAGE),
    "decoded deflate": ("Content-Encoding: deflate", PAGE),
    "decoded brotli": ("Content-Encoding: br", PAGE),
    "another word": ("Content-Encoding: utf-8", PAGE),
}


def response(header: str, body: bytes, number: int) -> bytes:
    answer = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{header}\r\n\r\n".encode() + body
    return (
        (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://example.org/{number}\r\n"
            f"Content-Type: application/http; msgtype=response\r\n"
            f"Content-Length: {len(answer)}\r\n\r\n"
        ).encode()
        + answer
        + b"\r\n\r\n"
    )


@pytest.mark.parametrize("name", BODIES)
def test_the_encoding_of_a_body_is_undone(name, tmp_path):
    records = b"".join(response(*BODIES[name], number) for number in range(2))
    (tmp_path / "x.warc").write_bytes(records)
    texts, faults = read(tmp_path / "x.warc", tmp_path)
    assert list(texts.values()) == [PAGE.decode()] * 2 and faults == []


def test_a_body_that_breaks_off_gives_what_it_has_and_a_broken_one_is_named(tmp_path):
    bodies = [
        ("Transfer-Encoding: chunked", chunked(PAGE)[:100]),
        ("Content-Encoding: gzip", gzip.compress(PAGE)[:-9]),
        ("Content-Encoding: gzip", b"\x1f\x8b" + b"\xff" * 50),
        ("X-Other: 1", PAGE),
    ]
    records = b"".join(response(*body, number) for number, body in enumerate(bodies))
    (tmp_path / "x.wet").write_bytes(records)
    texts, faults = read(tmp_path / "x.wet", tmp_path)
    assert len(texts) == 3 and all(PAGE.decode().startswith(text) for text in texts.values())
    assert len(faults) == 1 and faults[0].startswith("x.wet, row 3: its body cannot be decompress")


def test_an_arc_file(tmp_path):
    def record(address: str, kind: str, body: bytes) -> bytes:
        line = f"http://example.org/{address} 192.0.2.1 20070101000000 {kind} {len(body)}\n"
        return line.encode() + body + b"\n"

    page = gzip.compress(PAGE)
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n"
    records = [
        b"filedesc://x.arc 0.0.0.0 20070101000000 text/plain 6\n1 0 A\n\n",
        record("a", "text/html", answer + page),
        record("b.png", "image/png", b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG"),
        record("c", "text/html", b"HTTP/1.0 200 OK\nContent-Type: text/html\n\n" + PAGE),
    ]
    (tmp_path / "x.arc.gz").write_bytes(b"".join(map(gzip.compress, records)))
    texts, faults = read(tmp_path / "x.arc.gz", tmp_path)
    expected = {f"http://example.org/{name}": PAGE.decode() for name in "ac"}
    assert texts == expected and faults == []
