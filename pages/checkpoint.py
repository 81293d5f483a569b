"""What is in a checkpoint: the file, its weights, their network, and how healthy they are."""

import streamlit as st

from pages.components import autopsy, session, sidebar
from pages.components.opening import open_page

open_page("Checkpoint")
sidebar.show_sources()
checkpoint, opened = session.opened_checkpoint()

session.show_complaint()
autopsy.show_file(checkpoint, opened)
network = autopsy.show_network(checkpoint, opened)
left, right = st.columns(2)
with left:
    autopsy.show_health(checkpoint)
with right:
    autopsy.show_heads(checkpoint, network)
autopsy.show_tree(checkpoint, network)
autopsy.show_beside(checkpoint)
autopsy.show_downloads(checkpoint)

session.close_page()
