"""What is this run doing, and what did it learn, forget and keep?"""

from __future__ import annotations

import streamlit as st

from acl.config import UserError
from app import errors
from app.new_run import page as start
from app.run import page as live
from app.store.session import ensure_backend, shown_run
from app.widgets.browser.leaving import new_run

try:
    ensure_backend()
    run = shown_run()
    config = run.config if run else None
except UserError as error:
    errors.show(error)
    if st.button("Start a new run", icon=":material/add:"):
        new_run()
    st.stop()

if run is None or config is None:
    start.page()
else:
    live.page(run, config)
