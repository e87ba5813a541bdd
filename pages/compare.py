"""Which strategy learns, forgets and keeps how much, and how sure is that?"""

from __future__ import annotations

import streamlit as st

from acl.config import UserError
from app.compare import page as arena
from app.store.session import ensure_backend

try:
    ensure_backend()
except UserError as error:
    st.error(str(error), icon=":material/error:")
arena.page()
