"""A NIfTI volume on the dashboard: slice and window are chosen, and which ones is seen."""

import io

import numpy as np
import pytest
import torch

from tests.conftest import upload
from tests.core.image.test_nifti import nifti
from tests.support import nnunet

pytestmark = pytest.mark.usefixtures("own_store")
UNITS = np.random.default_rng(0).integers(-1000, 1500, (48, 40, 32)).astype(np.int16)


def said(app):
    return " ".join(caption.value for caption in app.caption).replace("\\", "")


def control(app, label):
    (found,) = [
        one for one in (*app.slider, *app.selectbox, *app.number_input) if one.label == label
    ]
    return found


def test_slice_and_window_of_a_volume_are_chosen(app):
    assert not [one for one in app.slider if one.label == "Slice"]  # the example is a picture

    upload(app, "Upload a picture", "ct.nii.gz", nifti(UNITS, packed=True))

    assert not app.exception
    assert control(app, "Slice").value == 17
    assert "slice 17 of 32 across z" in said(app)

    control(app, "Slice across").set_value("1").run()
    control(app, "Slice").set_value(5).run()
    control(app, "Window level").set_value(40.0).run()
    control(app, "Window width (0: automatic)").set_value(400.0).run()

    assert not app.exception
    assert "slice 5 of 48 across x" in said(app)
    assert "Shown: -160 to 240" in said(app)


def test_an_nnunet_and_a_label_volume_are_seen_on_the_same_slice(app):
    file = io.BytesIO()
    torch.save(nnunet.saved(nnunet.network().state_dict(), nnunet.plans()), file)
    labels = (np.arange(48 * 40 * 32).reshape(48, 40, 32) % 3).astype(np.uint8)

    upload(app, "Upload a picture", "ct.nii.gz", nifti(UNITS, packed=True))
    upload(app, "Upload a checkpoint", "checkpoint_final.pth", file.getvalue())
    upload(app, "Upload a mask", "labels.nii.gz", nifti(labels, packed=True))
    control(app, "Channel order").set_value("gray").run()
    control(app, "Slice").set_value(9).run()

    assert not app.exception and not app.error
    assert "PlainConvUNet of nnU-Net v2" in said(app) + str(app.main)
    assert np.array_equal(app.session_state.tab.good[0].truth.ids, labels[:, :, 8].T)
