"""Entry of the app: streamlit run app/main.py"""

from __future__ import annotations

import streamlit as st
from starlette.middleware import Middleware

from app.access import OnlyHere

app = st.App("contents.py", middleware=[Middleware(OnlyHere, hosts=st.get_option("server.allowedHosts"))])
