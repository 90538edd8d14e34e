"""The pages and addresses of ``pretune serve``, as an application of FastAPI."""

import asyncio
import json
import secrets
import threading
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jinja2
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from markupsafe import Markup
from starlette.exceptions import HTTPException

import modules
from experiments.tools.serving import bodies
from experiments.tools.serving.bodies import AskedChat, Refused
from experiments.tools.serving.model_thread import Busy
from experiments.tools.serving.service import Service

_SECONDS = 30.0  # in which a body must have arrived
_READ_ON = 64 << 20  # bytes of a body that is too large, so that its client hears the answer
_WRONG = "the server could not answer this request; its log says why"
_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "connect-src 'self'; img-src data:; style-src 'nonce-{0}'; script-src 'nonce-{0}'"
)


def make(service: Service) -> FastAPI:
    """Builds the application.

    Args:
        service: The model.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    name = "chat.html" if service.chat else "page.html"
    page = environment.from_string(_read(name))
    style = Markup(_read("style.css"))

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return JSONResponse({"error": error.message}, error.status)

    @app.exception_handler(Busy)
    async def busy(request: Request, error: Busy) -> Response:
        said = {"error": "too many requests wait; try again later"}
        return JSONResponse(said, 503, headers={"Retry-After": "1"})

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        addresses = "GET / and /health, POST /predict" + " and /chat" * bool(service.chat)
        said = {"error": f"there is no such address or method; there are {addresses}"}
        return JSONResponse(said, error.status_code, headers=error.headers)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": _WRONG}, 500)  # the server logs the traceback

    @app.api_route("/", methods=["GET", "HEAD"])
    async def root() -> Response:
        nonce = secrets.token_urlsafe(16)
        html = page.render(nonce=nonce, style=style, facts=service.facts())
        headers = {"Content-Security-Policy": _POLICY.format(nonce), "Cache-Control": "no-store"}
        return HTMLResponse(html, headers=headers)

    @app.api_route("/health", methods=["GET", "HEAD"])
    async def health() -> Response:
        return JSONResponse(service.facts())

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        limits = service.limits
        asked = bodies.to_predict(
            bodies.parsed(await _body(request, limits.body_bytes)),
            service.pairs,
            service.alone,
            service.top,
            limits.texts,
            service.new_tokens if service.writes else None,
        )
        try:
            found = await asyncio.wrap_future(service.predict(asked))
        except ValueError as error:
            if not _ours(error):
                raise
            raise Refused(str(error)) from error
        return JSONResponse(service.answer(asked, found))

    if service.chat:

        @app.post("/chat")
        async def chat(request: Request) -> Response:
            body = bodies.parsed(await _body(request, service.limits.body_bytes))
            asked = bodies.to_chat(body, service.new_tokens)
            pieces = _pieces(service, asked)
            if asked.stream:
                first = await anext(pieces)  # whatever refuses the request does so before a line
                kind = "text/event-stream"
                return StreamingResponse(_events(first, pieces), media_type=kind)
            last: dict[str, Any] = {}
            async for piece in pieces:
                last = piece
            return JSONResponse(last)

    return app


def _ours(error: ValueError) -> bool:
    """Tells whether a check of ours raised the error: its message is then meant for users."""
    last = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    return last.is_relative_to(Path(modules.__file__).parent)


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


async def _body(request: Request, most: int) -> bytes:
    """The body of a request; one that is too large is read on without being kept."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > _READ_ON:
                    break
                if size <= most:
                    parts.append(part)
    except TimeoutError:
        raise Refused(f"the body did not arrive within {_SECONDS:.0f} seconds", 408) from None
    if size > most:
        raise Refused(f"the body is larger than {most:,} bytes", 413)
    return b"".join(parts)


async def _pieces(service: Service, asked: AskedChat) -> AsyncIterator[dict[str, Any]]:
    """Yields an empty piece, then those of an answer in the order of writing, then the whole.

    The answer is not written on for a client that has gone.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[str | None]()
    gone = threading.Event()

    def say(text: str | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, text)

    call = service.thread.call(lambda: service.say(asked, gone.is_set, say))
    call.add_done_callback(lambda _: say(None))
    try:
        while (text := await queue.get()) is not None:
            yield {"text": text}
        answer, dropped = await asyncio.wrap_future(call)
        yield {
            "message": {"role": "assistant", "content": answer.text.strip()},
            "tokens": answer.tokens,
            "ended": answer.ended,
            "dropped_messages": dropped,
        }
    finally:
        gone.set()
        call.cancel()


async def _events(first: dict[str, Any], rest: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    """The server-sent events of an answer."""
    yield f"data: {json.dumps(first)}\n\n"
    try:
        async for piece in rest:
            yield f"data: {json.dumps(piece)}\n\n"
    except Exception as error:  # the status has been sent
        traceback.print_exception(error)
        yield f"data: {json.dumps({'error': _WRONG})}\n\n"
    finally:
        await rest.aclose()  # type: ignore[attr-defined]
