"""How a tab changes: each transition returns a whole new state."""

from dataclasses import replace
from urllib.parse import parse_qsl

from core.settings import Settings, change
from pages.components.state.address import from_address, to_address
from pages.components.state.sources import Sources
from pages.components.state.tab import TabState


def fresh():
    return TabState(person="ada")


def test_a_fix_can_be_taken_back_and_another_choice_ends_that():
    fixed = fresh().with_fix({"color": "bgr"})

    assert fixed.settings.preprocessing.color == "bgr"
    assert fixed.undone().settings == fresh().settings
    assert fixed.with_changes(threshold=0.3).before_fix is None


def test_a_fix_may_open_other_weights_of_the_file_and_they_are_closed_again():
    before = fresh().with_sources(choices="output+stride=8")
    fixed = before.with_fix({"color": "bgr"}, part="ema")

    assert (fixed.sources.part, fixed.sources.choices) == ("ema", "")
    assert fixed.undone().sources == before.sources
    assert fixed.undone().settings == before.settings
    elsewhere = fixed.with_sources(checkpoint="torchvision:fcn_resnet50").undone()
    assert elsewhere.sources.checkpoint == "torchvision:fcn_resnet50"


def test_a_value_that_cannot_be_used_is_a_complaint_and_changes_nothing():
    refused = fresh().with_changes(color="violet")

    assert refused.complaint is not None
    assert refused.settings == fresh().settings
    assert fresh().with_fix({"color": "violet"}).before_fix is None


def test_another_checkpoint_forgets_what_was_chosen_for_the_one_before():
    before = fresh().with_sources(part="ema", choices="output+stride=8")
    after = before.with_sources(checkpoint="torchvision:fcn_resnet50")

    assert (after.sources.part, after.sources.choices) == ("", "")


def test_another_picture_forgets_the_pinned_pixel():
    assert replace(fresh(), pin=(1, 2)).with_sources(picture="example:scene_02").pin is None


def test_after_two_cases_of_the_gallery_what_was_open_before_the_first_returns():
    start = fresh().with_sources(picture="example:scene_02")
    case = Sources(picture="a" * 64, truth="")
    back = start.with_case(case, Settings()).with_case(case, Settings()).returned()

    assert back.sources == start.sources
    assert back.left is None


def test_the_address_opens_the_same_view():
    tab = fresh().with_sources(picture="example:scene_03").with_changes(threshold=0.3)
    tab = replace(tab, columns=(change(tab.settings, color="bgr"),))
    opened = from_address(dict(parse_qsl(to_address(tab))))

    assert (opened.settings, opened.sources) == (tab.settings, tab.sources)
    assert opened.columns == tab.columns


def test_an_address_that_cannot_be_used_is_complained_of_by_name():
    opened = from_address({"threshold": "much", "preset": "nonsense"})

    assert "threshold" in opened.complaint.message
    assert opened.preset == "unit"
