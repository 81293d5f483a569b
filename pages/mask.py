"""Only a mask: what a written file is, and what it should look like, without any network."""

from pages.components.mask import asking, many, one
from pages.components.state import complaints, page

page.open_page("Only a mask")

asking.show_introduction()
complaints.show_complaint()
asking.ask()
many.show_table()
one.show_open()

page.close_page()
