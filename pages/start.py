"""What shall be run, or looked at?"""

from __future__ import annotations

import streamlit as st

from acl.config import UserError
from app.new_run import page as start
from app.store.session import ensure_backend

try:
    ensure_backend()
except UserError as error:
    st.error(str(error), icon=":material/error:")
start.page()
