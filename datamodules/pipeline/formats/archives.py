"""Web archives: the responses of a crawl, and the texts that were made of them."""

import re
from collections.abc import Iterator

from datamodules.pipeline.formats.documents import RawDocument, RawRow, ReadingOptions, Unreadable
from datamodules.pipeline.formats.opening import SourceFile, decode
from datamodules.pipeline.http_bodies import decode_body


def read_warc(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Read the pages of a WARC or WET file."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType.response | WarcRecordType.conversion | WarcRecordType.resource
    with open(file.path, "rb") as opened:  # the iterator decompresses
        records = 0
        for record in ArchiveIterator(opened, record_types=kinds):
            records += 1
            kind = record.http_content_type or record.headers.get("Content-Type") or ""
            if not re.search(r"html|text/plain", kind):
                continue
            address = record.headers.get("WARC-Target-URI")
            html = "html" in kind or None
            headers = {k.lower(): v for k, v in record.http_headers or ()}
            try:
                body = decode_body(record.reader.read(), headers)
            except ValueError as error:
                yield Unreadable(records, str(error))
                continue
            yield RawDocument(decode(body), address, html)
    if not records:
        yield Unreadable(None, "holds no WARC records")


def read_arc(file: SourceFile, options: ReadingOptions) -> Iterator[RawRow]:
    """Read the HTTP responses of an ARC file, the format of web archives before WARC."""
    with file.open() as opened:
        while line := opened.readline():
            if not line.strip():
                continue
            fields = line.split()
            if len(fields) < 5 or not fields[-1].isdigit():
                raise OSError(f"no record of an ARC file begins with {line[:40]!r}")
            record = opened.read(int(fields[-1]))
            head, _, body = record.partition(b"\r\n\r\n" if b"\r\n\r\n" in record else b"\n\n")
            if not head.startswith(b"HTTP/"):
                continue
            pairs = (pair.partition(":") for pair in head.decode("latin-1").splitlines()[1:])
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            kind = headers.get("content-type", fields[-2].decode("latin-1"))
            if re.search(r"html|text/plain", kind):
                address = fields[0].decode("latin-1")
                try:
                    text = decode(decode_body(body, headers))
                    yield RawDocument(text, address, "html" in kind or None)
                except ValueError as error:
                    yield Unreadable(None, f"{address}: {error}")
