"""From bytes to a colored mask, one frozen value a stage. No Streamlit here."""
