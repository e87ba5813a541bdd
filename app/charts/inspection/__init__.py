"""Figures that change rarely: functions from arrays to a Plotly figure. No streamlit, no run folder in here."""
