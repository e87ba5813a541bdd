"""Entry of the app: streamlit run app/main.py"""

from __future__ import annotations

import streamlit as st
from starlette.middleware import Middleware

from app.access import OnlyHere
from app.policy import NothingElse
from app.widgets.browser.download import ROUTES

doors = [Middleware(OnlyHere, hosts=st.get_option("server.allowedHosts")), Middleware(NothingElse)]
app = st.App("contents.py", routes=ROUTES, middleware=doors)
