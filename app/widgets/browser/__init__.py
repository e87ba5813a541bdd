"""What passes between the browser and a page beyond Streamlit's own widgets."""
