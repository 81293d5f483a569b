"""A deployed model beside the checkpoint: the first stage and layer where they part, and why."""

from pages.components.deployed import allowing, shown
from pages.components.state import complaints, page
from pages.components.widgets.page_frame import open_inspection

seen = open_inspection("Deployed")

complaints.show_complaint()
allowing.ask_whether_graphs_run()
shown.ask_for_program()
shown.show_comparison(seen)

page.close_page()
