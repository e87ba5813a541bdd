"""Why did a strategy choose these samples, and what would have been chosen otherwise?"""

from __future__ import annotations

import streamlit as st

from acl.config import UserError
from app import errors
from app.store.session import ensure_backend

try:
    ensure_backend()
except UserError as error:
    errors.show(error)
with st.spinner("Loading the engine…"):
    # It brings torch: only this page does, and only when it is opened.
    from app.inspection import page as microscope
microscope.page()
