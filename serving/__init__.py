"""The same app for a team: everything that stands between the network and Streamlit."""
