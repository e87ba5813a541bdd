"""The door of every download: a button whose file is made when it is pressed, or that says why it cannot be.

Streamlit's own deferred download has a name that lasts until the next redraw: a press that comes while a page polls, or
while one takes the place of another, finds nothing and says nothing. Here a name lasts as long as the session.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from weakref import WeakValueDictionary

import streamlit as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from acl.config import UserError
from acl.plugins.blame import is_out_of_memory

HERE = Path(__file__).parent
OFFERS = "downloads"
"""In the session: the offers of this tab, by the keys of their buttons."""

_component = st.components.v2.component(
    "acl_download",
    html='<div class="download"></div>',
    css=(HERE / "download.css").read_text("utf-8"),
    js=(HERE / "download.js").read_text("utf-8"),
)


@dataclass(eq=False)
class Offer:
    """One button's file. token: what it is asked for by, which nobody guesses."""

    token: str
    make: Callable[[], str | bytes]
    name: str
    mime: str


_offers: WeakValueDictionary[str, Offer] = WeakValueDictionary()
"""By token. They live in their session, and go with it."""


def download(
    label: str, make: Callable[[], str | bytes], name: str, mime: str, key: str, icon: str = "download",
    help_: str = "", disabled: bool = False,
) -> None:  # fmt: skip
    """A button that saves what `make` returns as `name`. icon: of Material's symbols, "" for none.

    `make` runs in a thread without a session: what it needs is bound to it. A UserError it raises is shown.
    """
    offers = st.session_state.setdefault(OFFERS, {})
    # A button that is about another file now has another token: a late press gets the file it was about.
    place = (key, name)
    if place in offers:
        offers[place].make = make
    else:
        offers[place] = Offer(secrets.token_urlsafe(16), make, name, mime)
    offer = offers[place]
    _offers[offer.token] = offer
    data = {"label": label, "url": f"take/{offer.token}", "name": name, "icon": icon, "help": help_}
    _component(key=key, data=data | {"disabled": disabled}, width="content")


def _take(request: Request) -> Response:
    """Its answer is the file, or a sentence with a status of its own."""
    offer = _offers.get(request.path_params["token"])
    if offer is None:
        return PlainTextResponse("This button is of an earlier visit: load the page again.", 404)
    try:
        made = offer.make()
    except UserError as error:
        return PlainTextResponse(str(error), 409)
    except OSError as error:
        return PlainTextResponse(f"{offer.name} could not be made: {error.strerror or 'a file is gone'}.", 409)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return PlainTextResponse(f"{offer.name} could not be made: this machine's memory does not hold it.", 507)
    headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(offer.name)}", "Cache-Control": "no-store"}
    return Response(made, media_type=offer.mime, headers=headers)


# Not a coroutine: Starlette runs it in a thread, and the pages go on meanwhile.
ROUTES = [Route("/take/{token}", _take)]
