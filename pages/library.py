"""Which runs are there, and what came of each?"""

from __future__ import annotations

import streamlit as st

from acl.config import UserError
from app import errors
from app.library import page as shelf
from app.store.session import ensure_backend

st.markdown("### Library")
st.caption("Every run in the runs folder and every recording. Choose one to open it, or several to compare them.")
try:
    ensure_backend()
except UserError as error:
    errors.show(error)
shelf.page()
