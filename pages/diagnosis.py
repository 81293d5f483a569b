"""Why the mask looks as it does: where that begins, the findings, what was tried."""

import streamlit as st

from pages.components.diagnosis import findings, rebuilt, training_memory
from pages.components.pipeline import headline
from pages.components.state import complaints, page
from pages.components.widgets.page_frame import open_inspection

seen = open_inspection("Diagnosis")

complaints.show_complaint()  # first: what is below it is what was open before
job = headline.show_headline(seen)
if job.error is not None:
    st.error(complaints.as_text(job.error.message))
    st.info(complaints.as_text(job.error.remedy))
if (answered := job.partial) is not None:
    findings.show_diagnosis(answered, seen)
    if answered.rebuilt is not None:
        rebuilt.show_rebuilt(answered.rebuilt)
    if answered.recovered is not None:
        training_memory.show_recovered(answered.recovered)
findings.ask_for_output()

page.close_page()
