"""The dashboard: what is seen on top, the five stages side by side, the choices in the sidebar."""

import streamlit as st

from pages.components.pipeline import (
    doors,
    exporting,
    headline,
    results,
    timings,
    truth_errors,
    why,
)
from pages.components.state import complaints, page
from pages.components.widgets.page_frame import open_inspection

seen = open_inspection("Pipeline")

doors.show_way_back()
complaints.show_complaint()  # first: what is below it is what was open before
job = headline.show_headline(seen)
results.show_panels(seen, headline.marked_stage(job))
results.show_charts(seen)
with st.expander("Why this class here?", key="why", on_change="rerun") as asked:
    if asked.open:
        why.show_why(seen)
if seen.truth is not None:
    title = "Errors against the ground truth"
    with st.expander(title, key="differences", on_change="rerun") as differences:
        if differences.open:
            truth_errors.show_errors(seen)
with st.expander("As saved by common code", key="saving", on_change="rerun") as saving:
    if saving.open:
        results.show_saved(seen)
title = "Export: script, settings, label map, logits, report"
with st.expander(title, key="export", on_change="rerun") as export:
    if export.open:
        exporting.show_export(seen, job)
with st.expander("Timing", key="timing", on_change="rerun") as timing:
    if timing.open:
        timings.show_timings(seen)

doors.show_doors()
page.close_page()
