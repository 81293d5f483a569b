"""A fixed picture is looked at while a model is trained; the training is never disturbed."""

import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import maskscope
from core.errors import InspectionError
from maskscope.watching.watch import OneClassWarning
from tests.support.living import Tiny, differences, everything_of

PICTURE = np.zeros((32, 48, 3), np.uint8)
PICTURE[:, 24:] = 255
TRUTH = (PICTURE[..., 0] > 0).astype(np.uint8)
NAMES = ("desk", "cup", "book")


def watching(model, tmp_path, **options):
    lines = []
    options = {"class_names": NAMES, "report": tmp_path / "watch.html", **options}
    watch = maskscope.watch(model, PICTURE, say=lines.append, **options)
    return watch, lines


def two_classes(model):
    """Dark is class 0 and bright is class 1, whatever the layers before say."""
    with torch.no_grad():
        model.norm.eval()
        model.last.weight.zero_()
        model.first.weight.zero_()
        model.first.weight[:, :, 1, 1] = 0.1
        model.last.weight[1] = 1.0
        model.last.bias.copy_(torch.tensor([0.5, 0.0, -9.0]))
    return model


def one_class(model):
    with torch.no_grad():
        model.last.bias.copy_(torch.tensor([99.0, 0.0, 0.0]))
    return model


def test_a_line_an_epoch_says_classes_background_and_head(tmp_path):
    watch, lines = watching(two_classes(Tiny().train()), tmp_path)
    watch.step()

    assert lines == [
        "epoch 1: 2 of 3 classes (class 0 (desk) 50.0%, class 1 (cup) 50.0%); background 50.0%; "
        "all finite; head as at the start"
    ]


def test_a_ground_truth_adds_the_miou(tmp_path):
    watch, lines = watching(two_classes(Tiny()), tmp_path, truth=TRUTH)
    watch.step()

    assert "mIoU 1.000" in lines[0]


def test_a_head_that_a_step_has_moved_is_trained(tmp_path):
    model = two_classes(Tiny())
    watch, lines = watching(model, tmp_path)
    with torch.no_grad():
        model.last.weight.add_(0.1)
    watch.step()

    assert lines[0].endswith("head trained")


def test_a_large_head_is_seen_to_be_as_initialized(tmp_path):
    torch.manual_seed(0)
    model = Tiny(classes=3)
    model.last = torch.nn.Conv2d(8, 300, 1)
    watch, lines = watching(model, tmp_path, class_names=None)
    watch.step()

    assert lines[0].endswith("head as initialized")


def test_the_warning_comes_once_when_the_mask_turns_to_one_class(tmp_path):
    model = two_classes(Tiny())
    watch, _ = watching(model, tmp_path)
    watch.step()
    one_class(model)

    with pytest.warns(OneClassWarning, match=r"all of it is class 0 \(desk\) since epoch 2"):
        watch.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watch.step()


def test_a_mask_that_begins_with_one_class_is_warned_of_only_if_it_stays(tmp_path):
    watch, _ = watching(one_class(Tiny()), tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watch.step()
        watch.step()

    with pytest.warns(OneClassWarning, match="in all 3 looks so far"):
        watch.step()


def test_the_first_layer_that_is_not_finite_is_named(tmp_path):
    model = two_classes(Tiny())
    watch, lines = watching(model, tmp_path)
    with torch.no_grad():
        model.norm.weight[0] = torch.nan
    watch.step()

    assert "not finite from norm on" in lines[0]


def test_between_two_looks_lie_as_many_epochs_as_asked(tmp_path):
    watch, _ = watching(two_classes(Tiny()), tmp_path, every=3)
    for _ in range(7):
        watch.step()

    assert [seen.epoch for seen in watch.looks] == [3, 6]


def test_a_training_is_the_same_with_and_without_being_watched(tmp_path):
    def trained(watch_it):
        torch.manual_seed(0)
        model = Tiny().train()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        watch = watching(model, tmp_path)[0] if watch_it else None
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.rand(2, 3, 16, 16)).square().mean().backward()
            optimizer.step()
            if watch:
                watch.step()
        return model

    alone, watched = everything_of(trained(False)), everything_of(trained(True))
    for name in ("addresses", "versions"):
        del alone[name], watched[name]
    assert differences(alone, watched) == []


def test_a_model_that_breaks_in_the_middle_is_a_line_and_no_error(tmp_path):
    model = two_classes(Tiny())
    watch, lines = watching(model, tmp_path)
    model.last = torch.nn.Identity()
    model.forward = lambda x: (_ for _ in ()).throw(RuntimeError("out of order"))

    assert watch.step() is None
    assert "cannot be looked at" in lines[0]


def test_a_picture_that_is_none_is_told_before_the_training(tmp_path):
    with pytest.raises(InspectionError):
        maskscope.watch(Tiny(), tmp_path / "missing.png")


def test_the_report_is_one_page_that_fetches_nothing(tmp_path):
    model = two_classes(Tiny())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OneClassWarning)
        with watching(model, tmp_path, truth=TRUTH)[0] as watch:
            watch.step()
            one_class(model)
            watch.step()

    page = (tmp_path / "watch.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)|url\(|@import|<script', page)
    assert page.count("<figure>") == 3
    assert "has turned to one class" in page
    assert page.count("<polyline") == 2


def test_without_an_epoch_there_is_no_report(tmp_path):
    with watching(Tiny(), tmp_path)[0]:
        pass

    assert not (tmp_path / "watch.html").exists()


# --- Lightning ------------------------------------------------------------------------------------


def test_lightning_s_hooks_are_all_answered(tmp_path):
    model, lines = two_classes(Tiny()), []
    callback = maskscope.watch_callback(
        PICTURE, report=tmp_path / "watch.html", say=lines.append, class_names=NAMES
    )
    trainer = SimpleNamespace(current_epoch=4, is_global_zero=True)

    callback.setup(trainer, model, stage="fit")
    callback.on_fit_start(trainer, model)
    callback.on_train_batch_end(trainer, model, None, None, 0)
    callback.on_train_epoch_end(trainer, model)
    callback.on_fit_end(trainer, model)

    assert lines[0].startswith("epoch 4: 2 of 3 classes")
    assert (tmp_path / "watch.html").exists()
    assert callback.state_dict() == {}


def test_of_several_processes_one_watches():
    callback = maskscope.watch_callback(PICTURE)
    trainer = SimpleNamespace(current_epoch=0, is_global_zero=False)

    callback.on_fit_start(trainer, Tiny())
    callback.on_train_epoch_end(trainer, Tiny())

    assert callback.watch is None


def test_where_lightning_is_loaded_the_callback_is_one_of_its_own(monkeypatch):
    class Callback:
        pass

    library = SimpleNamespace(Callback=Callback)
    monkeypatch.setitem(__import__("sys").modules, "lightning.pytorch", library)

    assert isinstance(maskscope.watch_callback(PICTURE), Callback)
