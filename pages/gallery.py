"""What each known fault looks like: every one on the example, to be opened on the dashboard."""

from pages.components import gallery, session

session.open_page("Gallery")
slots = gallery.show_gallery()
session.close_page()
gallery.paint(slots)
