"""Shared runs: find one, open it, compare two, note on them, take them along, delete them."""

from pages.components.runs import run_list
from pages.components.state import session

session.open_page("Runs")
session.show_complaint()
run_list.show_import()
runs = run_list.show_search()
run_list.show_comparison(runs)
run_list.show_runs(runs)
session.close_page()
