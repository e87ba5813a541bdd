"""What a browser may do on behalf of a page: ask this app, and nobody else."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = {
    "default-src": "'self'",
    # Streamlit's own page begins with a line of script, and components of ours come as text that is loaded as a file.
    "script-src": "'self' 'unsafe-inline' blob:",
    "style-src": "'self' 'unsafe-inline'",
    # Pictures of samples come inside of the page.
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
}


class NothingElse:
    """A second wall behind app.words.plain: should a text of somebody's ever be read as a picture, a style or a script,
    the browser still asks no other host for it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.policy = "; ".join(f"{what} {whom}" for what, whom in POLICY.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = self.policy
            await send(message)

        await self.app(scope, receive, with_policy if scope["type"] == "http" else send)
