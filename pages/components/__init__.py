"""Pieces of pages; not pages themselves (Streamlit ignores subfolders of pages/)."""
