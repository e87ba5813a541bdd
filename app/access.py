"""Who is answered: whoever names this app by its own host, and a WebSocket of its own pages only."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

FOREIGN = "This app answers only at its own address and to its own pages.\n"


class OnlyHere:
    """Refuses, before Streamlit hears of it, a request for another host (a name that somebody else points here) and a
    WebSocket of another origin (a foreign page in the same browser). Streamlit refuses those WebSockets too, but asks
    a server on the internet for this machine's address first."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._for_us(scope):
            await PlainTextResponse(FOREIGN, 403)(scope, receive, send)
        elif scope["type"] == "websocket" and not (self._for_us(scope) and _from_us(scope)):
            await WebSocketClose()(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _for_us(self, scope: Scope) -> bool:
        return _split("//" + Headers(scope=scope).get("host", ""))[0] in self.hosts


def _from_us(scope: Scope) -> bool:
    """No browser leaves out the origin of a WebSocket; what does is no page."""
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    return origin is None or _split(origin)[1] == headers.get("host")


def _split(url: str) -> tuple[str | None, str]:
    """Host name, and host with port; (None, "") where that cannot be read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None, ""
    return parts.hostname, parts.netloc
