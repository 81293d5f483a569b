"""A NIfTI volume on the dashboard: slice and window are chosen, and which ones is seen."""

import numpy as np
import pytest

from tests.conftest import upload
from tests.core.image.test_nifti import nifti

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
