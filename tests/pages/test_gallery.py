"""The gallery: every fault as it looks, and each named when it is opened."""

from __future__ import annotations

import contextlib
import io
import json
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from core.__main__ import main
from core.settings_address import to_query
from examples.gallery import cases, healthy, material_of
from pages.components.diagnosis import background
from pages.components.gallery import cards
from pages.components.state import files
from tests.conftest import dashboard
from tests.pages.test_browser import FIRST_PAINT_MS, POLL_MS
from tests.support.serving import ROOT, serve

FAULTS = {fault.name: fault for faults in cases().values() for fault in faults}
SECONDS = 60
ALERT = '[data-testid="stAlert"]'
LINES = ROOT / "tests/support/lines.py"
AT_REST = '[data-testid="stApp"][data-test-script-state="notRunning"]'


@pytest.fixture
def drawn(app):
    """The gallery, all thumbnails painted."""
    background.works.clear()
    yield app.switch_page("pages/gallery.py").run()
    assert background.works().wait_all(SECONDS)  # torch aborts in a thread that outlives Python


def pixels(look) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(look[1])))


def test_every_fault_has_a_card_with_what_a_person_sees(drawn):
    assert not drawn.exception
    names = {button.key.removeprefix("open ") for button in drawn.button if button.label == "Open"}
    looks = cards.works().start("gallery", None, person="gallery").partial

    assert names == set(FAULTS)
    assert len(names) >= 45
    assert names | {"picture", "healthy"} == set(looks)
    assert (pixels(looks["healthy"]) > 0).mean() > 0.2
    assert pixels(looks["ids as gray levels"]).max() < 10
    assert pixels(looks["ids in 16 bits"]).max() == 0
    assert looks["gray for color"] == ("no mask, but a message", b"")


def test_an_opened_case_replaces_what_was_open_and_is_named(drawn):
    drawn.button(key="open ids as gray levels").click().run()
    material = material_of(FAULTS["ids as gray levels"])

    assert not drawn.exception
    assert drawn.session_state.tab.settings == material.settings == healthy().settings
    assert drawn.session_state.tab.sources.saved
    assert "mIoU" in (drawn.success or drawn.warning)[0].value
    background.works().job_of(drawn.session_state.tab.person).wait(SECONDS)
    named = drawn.switch_page("app.py").run()
    assert "Class ids saved as gray levels" in named.warning[0].value


def test_one_click_brings_back_what_was_open_before_the_first_case(drawn):
    before = (drawn.session_state.tab.sources, drawn.session_state.tab.settings)
    drawn.button(key="open ids as gray levels").click().run()
    drawn.switch_page("pages/gallery.py").run()
    drawn.button(key="open sigmoid twice").click().run()
    drawn.switch_page("pages/gallery.py").run().button(key="return_to_left").click().run()

    assert not drawn.exception
    assert (drawn.session_state.tab.sources, drawn.session_state.tab.settings) == before
    drawn.switch_page("pages/gallery.py").run()
    assert "return_to_left" not in {button.key for button in drawn.button}


def test_a_case_whose_network_cannot_run_is_named_by_its_message(drawn):
    drawn.button(key="open gray for color").click().run()

    assert "The number of input channels differs" in drawn.error[0].value
    drawn.switch_page("app.py").run().button(key="remedy").click().run()
    assert not drawn.error


# --- by the command line --------------------------------------------------------------------------


@cache
def told(name):
    """What `python -m core inspect` says of the files of a case."""
    material = material_of(FAULTS[name])
    files = {"image": material.picture, "truth": material.truth, "output": material.saved}
    arguments = ["inspect", "--json", "--settings", urlencode(to_query(material.settings))]
    with TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as printed:
        for option, content in {**files, "checkpoint": material.checkpoint}.items():
            if content is not None:
                path = Path(folder) / (material.name if option == "checkpoint" else option)
                path.write_bytes(content)
                arguments += [f"--{option}", str(path)]
        assert main(arguments) >= 10
    return json.loads(printed.getvalue())


@pytest.mark.parametrize("name", FAULTS)
def test_the_command_line_names_the_cause_of_each_case(name):
    first = told(name)["findings"][0]

    assert first["cause"] in FAULTS[name].causes
    assert first["kind"] == "fault"


# --- on the page ----------------------------------------------------------------------------------

ALERTS = ("error", "warning", "success", "info")


@pytest.fixture(scope="module")
def first_line(tmp_path_factory):
    """Opens a case in a tab without a browser; returns its first alert: kind and Markdown."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "DATA_FOLDER", tmp_path_factory.mktemp("tab"))
        patch.setattr(background, "REST_SECONDS", 0)  # nobody passes a case on the way to another
        files.store.clear()
        background.works.clear()
        tab = dashboard().run()

        @cache
        def of(name):
            tab.switch_page("pages/gallery.py").run().button(key=f"open {name}").click().run()
            if not tab.error:
                assert background.works().job_of(tab.session_state.tab.person).wait(SECONDS)
                tab.switch_page("app.py").run()
            assert not tab.exception
            return next((e.type, e.value) for e in tab.main if e.type in ALERTS)

        yield of
        assert background.works().wait_all(SECONDS)


@pytest.mark.parametrize("name", FAULTS)
def test_each_case_is_named_on_the_page_with_the_words_of_the_command_line(first_line, name):
    assert told(name)["verdict"] in as_words(first_line(name)[1])


def as_words(markdown) -> str:
    """What a browser makes of a line (the test after the walk holds that it does)."""
    return " ".join(re.sub(r"\\([^\w\s])", r"\1", markdown).split())


# --- in the browser -------------------------------------------------------------------------------

# The first and the last of each kind: to lay out gallery and dashboard for all would take Chromium
# two minutes of a core. The page says the same of the others, and the browser shows their lines.
WALKED = dict.fromkeys(faults[end].name for faults in cases().values() for end in (0, -1))
SLOW_LINE = """  // what the server says comes 1.2 s later
const Direct = window.WebSocket
window.WebSocket = class extends Direct {
    addEventListener(kind, listener, ...rest) {
        const late = event => setTimeout(() => listener(event), 1200)
        super.addEventListener(kind, kind === "message" ? late : listener, ...rest)
    }
    set onmessage(listener) {
        this.addEventListener("message", listener)
    }
}
"""


@pytest.fixture(scope="module")
def walk(window, address):
    """The tab in which one case is opened after the other."""
    page, faults = window.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{address}/gallery")
    page.get_by_role("button", name="Open").first.wait_for(timeout=FIRST_PAINT_MS)
    yield page
    page.close()
    assert faults == []


def to_gallery(page):
    page.wait_for_selector(AT_REST, timeout=FIRST_PAINT_MS)  # what is drawn anew cannot be clicked
    page.get_by_role("link", name="Gallery", exact=True).click()
    page.get_by_role("button", name="Open", exact=True).first.wait_for(timeout=FIRST_PAINT_MS)


def open_case(page, name):
    page.locator(f".st-key-open-{re.sub('[^a-zA-Z0-9]', '-', name)} button").click()


def wait_until_it_says(page, words):
    page.wait_for_function(
        """words => (document.querySelector('[data-testid="stAlert"]')?.innerText ?? "")
            .replace(/\\s+/g, " ").includes(words)""",
        arg=words,
        timeout=FIRST_PAINT_MS,
        polling=POLL_MS,
    )


@pytest.mark.browser
@pytest.mark.parametrize("name", WALKED)
def test_a_case_that_is_opened_in_the_browser_is_named_with_the_words_of_the_command_line(
    walk, name
):
    to_gallery(walk)
    open_case(walk, name)
    wait_until_it_says(walk, told(name)["verdict"])


@pytest.mark.browser
@pytest.mark.timeout(300)  # every case is opened where this test runs alone
def test_the_browser_shows_the_line_of_every_case_as_the_words_of_the_command_line(
    page, tmp_path, first_line
):
    (tmp_path / "lines.json").write_text(json.dumps([first_line(name) for name in FAULTS]))
    with serve(tmp_path, script=LINES) as address:
        page.goto(address)
        page.locator(ALERT).nth(len(FAULTS) - 1).wait_for(timeout=FIRST_PAINT_MS)
        shown = [" ".join(text.split()) for text in page.locator(ALERT).all_inner_texts()]

    assert len(shown) == len(FAULTS)
    for name, line in zip(FAULTS, shown, strict=True):
        assert told(name)["verdict"] in line


@pytest.mark.browser
def test_a_case_that_is_opened_while_pictures_are_computed_stays_open_on_a_slow_line(
    page, tmp_path
):
    page.add_init_script(SLOW_LINE)
    with serve(tmp_path) as address:  # its own, which has computed nothing yet
        page.goto(f"{address}/gallery")
        # The buttons come with the first skeletons; a busy browser may show none of those.
        page.get_by_role("button", name="Open").first.wait_for(timeout=FIRST_PAINT_MS)
        open_case(page, "sigmoid twice")
        wait_until_it_says(page, "The activation is applied twice")
        page.wait_for_timeout(2000)  # what was on its way

        assert "The activation is applied twice" in page.locator("body").inner_text()
