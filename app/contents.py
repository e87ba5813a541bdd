"""The table of contents: which pages there are. `app/main.py` serves it."""

from __future__ import annotations

import streamlit as st

from app.store.session import PAGES, ROOT
from app.widgets import dialogs, glossary, projector
from app.widgets.browser import ended, leaving

STYLE = """<style>
/* Segmented controls are as high as the buttons and menus that they stand beside. */
[data-testid="stButtonGroup"] button[data-variant="segmented_control"] { min-height: 2.375rem; }
/* A help that is shown lies over its neighbours: what is pressed are these. */
[data-testid="stTooltipContent"], [data-testid="stTooltipContent"] * { pointer-events: none !important; }
</style>"""
st.set_page_config("ACL Explorer", ROOT / "assets" / "icon.svg", layout="wide")
st.logo(str(ROOT / "assets" / "logo.svg"), size="large")
page = st.navigation(
    [
        # The default page answers only to "/", so that /run can be a page of its own.
        st.Page(PAGES / "lesson.py", title="Lesson", icon=":material/school:", default=True),
        st.Page(PAGES / "start.py", title="New run", icon=":material/add_circle:", url_path="start"),
        st.Page(PAGES / "run.py", title="Run", icon=":material/show_chart:", url_path="run"),
        st.Page(PAGES / "inspect.py", title="Inspect", icon=":material/biotech:", url_path="inspect"),
        st.Page(PAGES / "compare.py", title="Compare", icon=":material/compare_arrows:", url_path="compare"),
        st.Page(PAGES / "library.py", title="Library", icon=":material/folder_open:", url_path="library"),
    ],
    position="top",
)
st.html(STYLE)
leaving.draw(page.url_path)
ended.watch()
projector.switch()
glossary.popover()
dialogs.draw(page.title)
page.run()
