"""The gallery as its users meet it."""

from __future__ import annotations

import pytest

from tests.serving import serve
from tests.test_browser import FIRST_PAINT_MS
from tests.test_gallery import open_case, wait_until_it_says

pytestmark = pytest.mark.browser

LATE = """  // what the server says comes 1.2 s later
const Direct = window.WebSocket
window.WebSocket = class extends Direct {
    addEventListener(kind, heard, ...rest) {
        const late = event => setTimeout(() => heard(event), 1200)
        super.addEventListener(kind, kind === "message" ? late : heard, ...rest)
    }
    set onmessage(heard) {
        this.addEventListener("message", heard)
    }
}
"""


def test_a_case_that_is_opened_while_pictures_are_computed_stays_open_on_a_slow_line(
    page, tmp_path
):
    page.add_init_script(LATE)
    with serve(tmp_path) as address:  # its own, which has computed nothing yet
        page.goto(f"{address}/gallery")
        page.locator('[data-testid="stSkeleton"]').nth(9).wait_for(timeout=FIRST_PAINT_MS)
        open_case(page, "sigmoid twice")
        wait_until_it_says(page, "The activation is applied twice")
        page.wait_for_timeout(2000)  # what was on its way

        assert "The activation is applied twice" in page.locator("body").inner_text()
