"""The pages without a browser: what stands on them, and what they do with bad input."""

from __future__ import annotations

import gc
import io
import json
import re
import struct
import zipfile

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from core.image import read_raster
from core.presets import PRESETS
from core.version import VERSION
from pages.components.state import files
from pages.components.widgets import sidebar, uploading
from tests.conftest import dashboard, png, saved, upload
from tests.support.fields import field

SECONDS = 120  # of the first run, which imports torch
pytestmark = pytest.mark.usefixtures("own_store")


def verdict(app) -> str:
    """What is seen; why stands in the second line, and is told better while it is looked for."""
    return (app.success or app.warning)[0].value.splitlines()[0]


def test_the_first_page_shows_the_example_as_a_black_mask(app):
    assert not app.exception
    assert float(app.warning[0].value.split(" %")[0]) >= 90
    assert "class 0 (desk)" in verdict(app)


def test_one_preset_brings_the_mask_alive(app):
    app.button(key="preset_imagenet").click().run()

    assert not app.exception
    assert float(verdict(app).split("mIoU ")[1][:5]) >= 0.85


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_chosen(app, name):
    field(app.selectbox, "preset_choice").set_value(name).run()

    assert not app.exception
    assert not app.error


def test_a_palette_of_a_stranger_is_decoded_in_a_process_of_its_own(app, monkeypatch):
    read = []
    monkeypatch.setattr(
        sidebar, "read_guarded", lambda file: read.append(file) or read_raster(file)
    )
    content = png(np.zeros((1, 1), np.uint8))
    upload(app, "Palette from JSON or a palette PNG", "mine.png", content)

    assert "has no palette" in app.error[0].value
    assert read == [content]


def test_what_the_browser_says_of_a_picture_that_is_not_offered_any_more_opens_nothing(app):
    """A page that is drawn slowly sends the list's old value along with the next click."""
    box = field(app.selectbox, "source_picture")
    box.options.append("an upload that is gone")
    box.set_value("the upload before.png").run()

    assert not app.exception
    assert not app.error
    assert app.session_state.tab.sources.picture == "example:scene_01"


def test_what_the_browser_says_of_the_list_before_an_upload_takes_the_upload_back_no_more(app):
    upload(app, "Upload a picture", "mine.png", png(np.zeros((64, 64, 3))))

    assert "source_picture" not in {box.key for box in app.selectbox}  # so that nobody listens
    assert [box.key for box in app.selectbox if box.label == "Picture"] == ["source_picture~1"]


def test_an_upload_that_a_late_browser_sends_once_more_is_taken_once(monkeypatch):
    """It came back after something else was opened, and a bad one took the next upload along."""
    state, drawn, taken = {}, [], []
    monkeypatch.setattr(
        uploading.session, "widget", lambda key, default=None: state.get(key, default)
    )
    monkeypatch.setattr(uploading.session, "set_widget", state.__setitem__)
    monkeypatch.setattr(uploading.st, "file_uploader", lambda *_, **given: drawn.append(given))
    uploading.ask_for_files("Upload a picture", "picture", ["png"], taken.append)
    state[drawn[0]["key"]] = "mine.png"
    for _ in range(2):
        drawn[0]["on_change"]()

    assert taken == [["mine.png"]]


def test_a_browser_that_has_not_drawn_a_new_value_yet_does_not_take_it_back(app):
    """It sends the old values of all fields along with whatever it asks for next."""
    late = app._tree.get_widget_states()
    app.session_state.tab = app.session_state.tab.with_changes(std=(1.0, 0.5, 1.0), rule="argmax")
    app.run()
    app._run(late)

    assert app.session_state.tab.settings.preprocessing.std == (1.0, 0.5, 1.0)
    assert app.session_state.tab.settings.decoding.rule == "argmax"
    assert field(app.number_input, "set_std_1").value == 0.5


def test_reset_returns_to_the_preset_last_chosen(app):
    app.button(key="preset_imagenet").click().run()
    field(app.number_input, "set_mean_0").set_value(0.9).run()
    next(button for button in app.button if button.label == "Reset").click().run()

    assert field(app.number_input, "set_mean_0").value == 0.485


def test_a_field_that_the_browser_draws_anew_falls_back_to_the_setting_and_to_nothing_else():
    """A default of 0 was sent back as the user's choice where a page was drawn twice at once."""
    address = "threshold=0.7&alpha=0.3&ignore_index=7&palette=voc&upsampling=nearest&color=bgr"
    app = dashboard(120)
    for name, value in (part.split("=") for part in f"{address}&class_names=a".split("&")):
        app.query_params[name] = value
    app.run()

    assert app.number_input and app.selectbox and app.checkbox and app.text_area
    for shown in (*app.number_input, *app.checkbox, *app.text_area, *app.color_picker):
        assert shown.proto.default == shown.value, shown.label
    for shown in app.selectbox:
        assert shown.proto.options[shown.proto.default] == shown.format_func(shown.value), (
            shown.label
        )


def test_settings_survive_a_page_change(app):
    field(app.number_input, "set_mean_0").set_value(0.25).run()
    app.switch_page("pages/compare.py").run()
    app.switch_page("app.py").run()

    assert field(app.number_input, "set_mean_0").value == 0.25


def test_the_address_restores_settings_and_sources():
    app = dashboard(SECONDS)
    app.query_params["mean"] = "0.485,0.456,0.406"
    app.query_params["std"] = "0.229,0.224,0.225"
    app.query_params["picture"] = "example:scene_03"
    app.run()

    assert field(app.number_input, "set_std_2").value == 0.225
    assert field(app.selectbox, "source_picture").value == "example:scene_03"


def test_an_unusable_address_is_told_and_falls_back_to_defaults():
    app = dashboard(SECONDS)
    app.query_params["std"] = "soft"
    app.query_params["checkpoint"] = "../../etc/passwd"
    app.run()

    assert not app.exception
    assert app.error
    assert "class 0" in verdict(app)


def test_the_comparison_shows_agreement_and_difference(app):
    app.switch_page("pages/compare.py").run()

    assert not app.exception
    assert any("agree with the first column" in caption.value for caption in app.caption)


def test_a_column_of_the_comparison_becomes_the_current_settings(app):
    app.switch_page("pages/compare.py").run()
    app.button(key="take_1").click().run()

    assert field(app.number_input, "set_mean_0").value == 0.485


# --- section 4 of the first issue: bad input ------------------------------------------------------


class Mischief:
    """A pickle that wants to run a command."""

    def __reduce__(self):
        import os

        return os.system, ("touch /tmp/maskscope-was-here",)


def huge_header() -> bytes:
    """A PNG whose header promises 60,000 x 60,000 pixels."""
    picture = bytearray(png(np.zeros((1, 1, 3))))
    picture[16:24] = struct.pack(">II", 60_000, 60_000)
    import zlib

    picture[29:33] = struct.pack(">I", zlib.crc32(bytes(picture[12:29])))
    return bytes(picture)


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("notes.txt", "notes")
    return file.getvalue()


def weights_only_optimizer() -> bytes:
    layer = torch.nn.Linear(2, 2)
    return saved({"optimizer": torch.optim.Adam(layer.parameters()).state_dict()})


CHECKPOINTS = {
    "empty": (b"", "empty"),
    "truncated": (saved(resnet18().state_dict())[:4000], "damaged|complete|cut|truncated"),
    "noise": (bytes(range(256)) * 64, "checkpoint|weights"),
    "zip": (archive(), "ZIP|zip|checkpoint"),
    "text": (b"these are my notes", "text|checkpoint"),
    "picture": (png(np.zeros((9, 9, 3))), "picture"),
    "optimizer only": (weights_only_optimizer(), "optimizer"),
    "classification ResNet": (saved(resnet18().state_dict()), "classification|ResNet"),
    "no known network": (
        saved(nn.Sequential(nn.Conv2d(3, 8, 3)).state_dict()),
        "No network is known",
    ),
    "wants to run code": (saved(Mischief()), "system"),
}


@pytest.mark.parametrize(("content", "says"), CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_a_bad_checkpoint_gets_a_sentence_and_the_screen_stays(app, content, says):
    before = verdict(app)
    upload(app, "Upload a checkpoint", "mine.pth", content)

    assert not app.exception
    assert re.search(says, app.error[0].value)
    assert app.info[0].value
    assert verdict(app) == before


PICTURES = {
    "empty": (b"", "empty"),
    "truncated": (png(np.full((99, 99, 3), 7))[:90], "cut|complete|damaged|decoded"),
    "noise": (bytes(range(256)) * 64, "picture"),
    "text": (b"these are my notes", "picture|text"),
    "60,000 x 60,000": (huge_header(), "60,?000"),
    "checkpoint": (saved({"a": torch.zeros(2)}), "checkpoint"),
}


@pytest.mark.parametrize(("content", "says"), PICTURES.values(), ids=PICTURES)
def test_a_bad_picture_gets_a_sentence_and_the_screen_stays(app, content, says):
    before = verdict(app)
    upload(app, "Upload a picture", "mine.png", content)

    assert not app.exception
    assert re.search(says, app.error[0].value)
    assert app.info[0].value
    assert verdict(app) == before


def test_a_picture_of_one_pixel_is_shown(app):
    app.button(key="preset_imagenet").click().run()
    upload(app, "Upload a picture", "dot.png", png(np.full((1, 1, 3), 200)))

    assert not app.exception
    assert "100.0 % class" in verdict(app)


def test_a_standard_deviation_of_zero_is_told_and_the_screen_stays(app):
    before = verdict(app)
    field(app.number_input, "set_std_0").set_value(0.0).run()

    assert not app.exception
    assert "std" in app.error[0].value.lower()
    assert before in app.warning[0].value


def test_argmax_over_one_channel_is_shown_for_what_it_is(app):
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=1)
    upload(app, "Upload a checkpoint", "one.pth", saved(network.state_dict()))
    field(app.selectbox, "set_rule").set_value("argmax").run()

    assert not app.exception
    assert "100.0 % class 0" in verdict(app)
    assert any("one channel" in caption.value for caption in app.caption)


def test_weights_that_are_not_a_number_are_told(app):
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    torch.nn.init.constant_(network.classifier.low_classifier.weight, float("nan"))
    upload(app, "Upload a checkpoint", "nan.pth", saved(network.state_dict()))

    assert not app.exception
    assert any("finite" in caption.value for caption in app.caption)


def test_a_mask_of_another_size_is_told(app):
    upload(app, "Upload a mask", "small.png", png(np.zeros((8, 8))))

    assert "8" in app.error[0].value
    assert not app.exception


def test_the_class_names_of_a_palette_file_may_be_json(app):
    colors = json.dumps([[0, 0, 0], [255, 0, 0]]).encode()
    upload(app, "Palette from JSON or a palette PNG", "colors.json", colors)

    assert field(app.selectbox, "set_palette").value == "custom"


def test_torchvision_names_are_the_ones_that_the_core_knows():
    from core.architectures import pretrained_names
    from pages.components.state.sources import TORCHVISION_NAMES

    assert set(TORCHVISION_NAMES) == set(pretrained_names())


def test_weights_that_cannot_be_downloaded_get_a_sentence(app, monkeypatch):
    import core.architectures as architectures
    from core.errors import DownloadError

    def offline(name, progress):
        raise DownloadError("There is no network.", remedy="Upload the file instead.")

    monkeypatch.setattr(architectures, "read_pretrained", offline)
    field(app.selectbox, "source_checkpoint").set_value("torchvision:fcn_resnet50").run()

    assert not app.exception
    assert "no network" in app.error[0].value
    assert field(app.selectbox, "source_checkpoint").value == "example"


def exported(model, size) -> bytes:
    file = io.BytesIO()
    torch.export.save(torch.export.export(model.eval(), (torch.zeros(1, 3, *size),)), file)
    return file.getvalue()


def test_a_program_of_another_size_is_run_at_its_own_with_one_click(app):
    upload(app, "Upload a checkpoint", "net.pt2", exported(nn.Conv2d(3, 2, 1), (32, 48)))
    assert "32 x 48 pixels" in app.error[0].value

    app.button(key="remedy").click().run()

    assert not app.exception and not app.error
    assert "of 2 classes present" in verdict(app)
    assert field(app.number_input, "set_height").value == 32


def test_an_upload_for_which_there_is_no_room_gets_a_sentence_and_the_screen_stays(
    app, monkeypatch
):
    monkeypatch.setenv("MASKSCOPE_QUOTA_GB", "0.000001")  # 1 kB
    files.store.clear()
    before = verdict(app)
    app = upload(app, "Upload a picture", "large.png", bytes(2_000))

    assert not app.exception
    assert "larger than all" in app.error[0].value
    assert verdict(app) == before


def test_after_a_page_the_garbage_collector_has_no_modules_to_look_through(app):
    spared, left = gc.get_freeze_count(), len(gc.get_objects())

    assert spared > 200_000
    assert left < spared / 2


def test_the_page_says_its_version(app):
    assert f"Maskscope {VERSION}" in [caption.value for caption in app.sidebar.caption]
