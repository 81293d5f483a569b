"""The dashboard on a living model: a real server, a real Chromium, a model of an unknown class."""

import pytest
from torch import nn

import examples
import maskscope
from tests.pages.test_browser import (
    READY,
    drag,
    press,
    settle,
    wait_for_diagnosis,
    wait_for_exact,
    wait_for_verdict,
)
from tests.pages.test_sharing_browser import share
from tests.support.living import differences, everything_of, example_model
from tests.support.serving import serve

pytestmark = pytest.mark.browser

SCENE = examples.SCENES[0]


class OfNobody(nn.Module):
    """The example's network inside of a class that no library has."""

    def __init__(self):
        super().__init__()
        self.inner = example_model()

    def forward(self, x):
        return self.inner(x)["out"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("living")


@pytest.fixture
def shown(data, monkeypatch):
    monkeypatch.setenv("MASKSCOPE_DATA", str(data))
    model = OfNobody().eval()
    before = everything_of(model)
    with maskscope.show(
        model, SCENE, truth=examples.mask_of(SCENE), class_names=examples.CLASS_NAMES
    ) as shown:
        yield shown
    assert differences(before, everything_of(model)) == []


KEEP_SOCKETS = """
    window.sockets = []
    window.WebSocket = class extends WebSocket {
        constructor(...how) { super(...how); window.sockets.push(this) }
    }
"""


def open_shown(page, shown):
    page.add_init_script(KEEP_SOCKETS)
    page.goto(shown.address)
    page.wait_for_selector(READY, timeout=60_000)
    settle(page)


def test_a_slider_moves_and_the_living_model_answers_also_after_a_lost_connection(page, shown):
    open_shown(page, shown)
    wait_for_diagnosis(page)
    wait_for_verdict(page, r"Normalization is missing")
    assert page.get_by_text("OfNobody, living in a notebook").count()
    before = shown.forwards

    slider = page.locator('.sliders input[data-kind="mean"][data-channel="0"]')
    drag(page, slider, 0.0, 0.6, seconds=1)
    page.evaluate("window.sockets.forEach(each => each.close())")  # the release is lost with it
    page.mouse.up()
    wait_for_exact(page)
    settle(page)

    assert shown.forwards > before
    assert page.evaluate("window.sockets.length") == 2
    wait_for_verdict(page, r"is fed mean 0\.[56]")
    press(page, "Apply")
    wait_for_verdict(page, r"mIoU 0\.[89]")
    assert "token" not in page.url


def test_closing_ends_the_server_and_the_page_says_so(page, shown):
    open_shown(page, shown)
    wait_for_diagnosis(page)
    shown._answering.close()
    slider = page.locator('.sliders input[data-kind="mean"][data-channel="0"]')
    drag(page, slider, 0.0, 0.6, seconds=1)
    page.mouse.up()

    page.get_by_text("does not answer any more").first.wait_for(timeout=60_000)
    shown.close()
    assert not shown.is_open
    assert repr(shown) == "maskscope.show: closed"


def test_a_shared_run_is_shown_later_with_its_sliders_at_rest(page, shown, data):
    open_shown(page, shown)
    wait_for_diagnosis(page)
    query = share(page)
    shown.close()

    with serve(data) as address:
        page.goto(f"{address}/?{query}")
        page.get_by_text("This run is of a living model").wait_for(timeout=60_000)
        page.get_by_text("Normalization is missing").first.wait_for(timeout=60_000)
