"""Bodies of HTTP responses as their pages were, without the encodings of the transfer."""

import re
import zlib
from collections.abc import Callable, Mapping

import pyarrow as pa

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


def decode_body(body: bytes, headers: Mapping[str, str]) -> bytes:
    """Undo the content and transfer encodings that the headers of a response name.

    A crawler may store a body decoded and keep the header: a body that does not have the named
    encoding is returned as it is. A body that breaks off is returned as far as it goes.

    Args:
        body: The body as the server sent it.
        headers: The response's headers with names in lower case.

    Raises:
        ValueError: The body has the encoding but cannot be decoded.
    """
    # The transfer encoding came last, so it goes first; so does the last of each list.
    for header in ("transfer-encoding", "content-encoding"):
        names = [name.strip().lower() for name in headers.get(header, "").split(",")]
        for name in reversed(names):
            if name in _DECODERS:
                body = _DECODERS[name](body)
    return body


def _chunked(body: bytes) -> bytes:
    """Join the chunks of RFC 9112, section 7.1."""
    chunks: list[bytes] = []
    place = 0
    while size := _SIZE.match(body, place):
        length = int(size[1], 16)
        end = size.end() + length
        if length == 0:
            return b"".join(chunks)
        if body[end : end + 1] not in (b"", b"\r", b"\n"):
            break
        chunks.append(body[size.end() : end])
        place = end + (2 if body[end : end + 2] == b"\r\n" else 1)
    cut_off = bool(chunks) and place >= len(body)
    return b"".join(chunks) if cut_off else body


def _gzip(body: bytes) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    parts = []
    while body.startswith(b"\x1f\x8b"):
        found, body = _inflated(body, 31)
        parts.append(found)
    return b"".join(parts)


def _deflate(body: bytes) -> bytes:
    # Servers send both the zlib format of the standard and bare deflate data.
    for window in (15, -15):
        try:
            return _inflated(body, window)[0]
        except ValueError:
            continue
    return body


def _inflated(body: bytes, window: int) -> tuple[bytes, bytes]:
    """The data up to their end, or up to where they break off, and what follows them."""
    stream, parts = zlib.decompressobj(window), []
    try:
        for start in range(0, len(body), 4096):
            parts.append(stream.decompress(body[start : start + 4096]))
            if stream.eof:
                return b"".join(parts), stream.unused_data + body[start + 4096 :]
    except zlib.error as error:
        if not any(parts):
            raise ValueError(f"its body cannot be decompressed ({error})") from error
    return b"".join(parts), b""


def _brotli(body: bytes) -> bytes:
    import brotli  # comes with FastWARC

    parts: list[bytes] = []
    stream = brotli.Decompressor()
    try:
        pieces = (body[start : start + 4096] for start in range(0, len(body), 4096))
        parts.extend(map(stream.process, pieces))
    except brotli.error:
        return b"".join(parts) or body
    return b"".join(parts)


def _zstd(body: bytes) -> bytes:
    if not body.startswith(b"\x28\xb5\x2f\xfd"):
        return body
    try:
        return pa.CompressedInputStream(pa.BufferReader(body), "zstd").read()
    except OSError as error:
        raise ValueError(f"its body cannot be decompressed ({error})") from error


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    **dict.fromkeys(("gzip", "x-gzip"), _gzip),
    "chunked": _chunked,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
