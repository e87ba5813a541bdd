"""The switch between accuracy among any class and among a task's own: one on all pages, and in the URL."""

from __future__ import annotations

import streamlit as st

from app import words


def own_classes() -> bool:
    """Whether accuracies are those among the task's own classes."""
    return st.toggle("Own classes only", key="own", bind="query-params", help=words.HELP["own"])
