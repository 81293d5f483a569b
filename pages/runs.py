"""Shared runs: find one, open it, compare two, note on them, take them along, delete them."""

from pages.components.runs import run_list
from pages.components.state import complaints, page

page.open_page("Runs")
complaints.show_complaint()
run_list.show_import()
runs = run_list.show_search()
run_list.show_comparison(runs)
run_list.show_runs(runs)
page.close_page()
