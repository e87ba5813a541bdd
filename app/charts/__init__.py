"""Tables in, figures out; neither Streamlit nor the store."""
