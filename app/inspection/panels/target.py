"""The target: what the past and the new task ask for, class by class, and what the picks give of it."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st
import torch

from acl.analysis.what_if import Settings
from acl.selection.fisher import mean_embedding
from app import words
from app.charts.inspection import target as figures
from app.charts.written import whole_percent
from app.inspection.panels.draw import draw
from app.inspection.samples import Choice
from app.inspection.source import Sight, microscope


def panel(sight: Sight, choice: Choice, settings: Settings) -> None:
    st.caption(words.HELP["target"])
    draw(figure(sight, choice, settings), "target", alt=_said(sight, choice, settings))


def _said(sight: Sight, choice: Choice, settings: Settings) -> str:
    target = microscope(*sight.mark).information.target(settings.lambda_)
    most = torch.argsort(target.total.sum(1), descending=True)[:3].tolist()
    share = target.total.sum(1) / target.total.sum().clamp_min(torch.finfo(torch.float64).tiny)
    parts = ", ".join(
        f"{sight.class_name(sight.context.classes[c])} {whole_percent(100 * float(share[c]))}" for c in most
    )
    return f"Of the target's Fisher information at λ = {settings.lambda_:.2f} most is at {parts}."


def figure(sight: Sight, choice: Choice, settings: Settings) -> go.Figure:
    context = sight.context
    target = microscope(*sight.mark).information.target(settings.lambda_)
    kept = np.zeros(target.total.shape, dtype=bool)
    kept[choice.ranking.kept.rows.numpy(), choice.ranking.kept.dims.numpy()] = True
    picks = context.pool.take(torch.isin(context.pool.ids, torch.tensor(choice.picked)))
    names = [sight.class_name(c) for c in context.classes]
    return figures.target_map(target.past.numpy(), target.new.numpy(), kept, names, mean_embedding(picks).numpy())
