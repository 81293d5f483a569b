"""What is in a checkpoint: the file, its weights, their network, and how healthy they are."""

import streamlit as st

from pages.components.checkpoint import file_report, ways_to_run
from pages.components.state import complaints, inspecting, page
from pages.components.widgets import sidebar
from pages.components.widgets.page_frame import open_page

open_page("Checkpoint")
sidebar.show_sources()
checkpoint, opened = inspecting.opened_checkpoint()

complaints.show_complaint()
file_report.show_file(checkpoint, opened)
network = file_report.show_network(checkpoint, opened)
left, right = st.columns(2)
with left:
    file_report.show_health(checkpoint)
with right:
    file_report.show_heads(checkpoint, network)
ways_to_run.show_ways(network)
file_report.show_tree(checkpoint, network)
file_report.show_beside(checkpoint)
file_report.show_downloads(checkpoint)

page.close_page()
