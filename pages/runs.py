"""Shared runs: find one, open it, compare two, note on them, take them along, delete them."""

from pages.components import running, session

session.open_page("Runs")
session.show_complaint()
running.show_import()
runs = running.show_search()
running.show_comparison(runs)
running.show_runs(runs)
session.close_page()
