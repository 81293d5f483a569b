"""Two to six settings on the same picture, side by side, each against the first."""

import streamlit as st

from pages.components.compare import columns as comparison
from pages.components.state import complaints, page
from pages.components.widgets.page_frame import open_inspection

seen = open_inspection("Compare")

complaints.show_complaint()
comparison.show_controls()
columns = comparison.inspections(seen)
for place, column in zip(st.columns(len(columns)), columns, strict=True):
    comparison.show_column(place, column, first=columns[0], seen=seen)

page.close_page()
