"""Many pictures: which settings leave which of them black, the worst first."""

from pages.components.many import asking, pairing, proving, running, stored
from pages.components.state import complaints, page
from pages.components.widgets.page_frame import open_inspection

seen = open_inspection("Many pictures")

if (run := stored.shown_run()) is not None:
    stored.show(run, seen)
else:
    asking.show_introduction()
    complaints.show_complaint()
    asking.ask()
    if (found := pairing.open_and_show(seen.inspection.network.num_classes)) is not None:
        running.show(found, seen, proving.show(found, seen))

page.close_page()
