"""What each known fault looks like: every one on the example, to be opened on the dashboard."""

from pages.components.gallery import cards
from pages.components.state import page

page.open_page("Gallery")
slots = cards.show_gallery()
page.close_page()
cards.paint(slots)
