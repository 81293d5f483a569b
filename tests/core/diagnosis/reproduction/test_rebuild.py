"""The user's broken script, rebuilt from its output: line by line, and never where it is not so."""

import copy
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from PIL import ImageFilter

from benchmarks.programs import file_of
from core.architectures import Account, Network
from core.diagnosis import Case
from core.diagnosis.measure.measurements import measure
from core.diagnosis.progress import Progress
from core.diagnosis.reproduction import decide, write
from core.diagnosis.reproduction.match import saved_output
from core.diagnosis.reproduction.program import AFTER, BEFORE
from core.diagnosis.reproduction.rebuild import rebuild
from core.diagnosis.reproduction.runs import Runs
from core.diagnosis.reproduction.space import space_of
from core.diagnosis.reproduction.written import read_written
from core.diagnosis.thresholds import REBUILDING
from core.image import decode_image
from core.preprocess import preprocess
from core.presets import apply_preset
from core.settings import Settings, change
from examples.scenes import render_scene

IMAGENET = apply_preset(Settings(), "imagenet")


def network(fed, classes=4):
    """Two convolutions with a fixed look at color and edges."""
    torch.manual_seed(5)
    layers = (
        torch.nn.AvgPool2d(5, 1, 2),
        torch.nn.Conv2d(3, 8, 5, padding=2),
        torch.nn.BatchNorm2d(8, momentum=1.0),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, classes, 3, padding=1),
        torch.nn.BatchNorm2d(classes, momentum=1.0),  # so that every class wins somewhere
    )
    module = torch.nn.Sequential(*layers).requires_grad_(False)
    module(fed)
    module.eval()
    nothing = Account(matched=(), missing=(), unexpected=(), wrong_shape=())
    return Network(module, "two convolutions", classes, 3, None, nothing, f"digest {classes}")


@pytest.fixture(scope="module")
def case():
    """A picture of 64 x 96 pixels, which is fed at 48 x 64."""
    file = write.encoded(np.ascontiguousarray(render_scene(1_000)[0][64:128, 64:160]), None)
    settings = change(IMAGENET, resize="fixed", height=48, width=64, palette="voc")
    image = decode_image(file)
    fed = preprocess(image, settings.preprocessing).tensor
    return Case(image, network=network(fed), settings=settings, picture_file=file)


def space(case):
    height, width = case.image.pixels.shape[:2]
    return space_of(
        measure(case), read_written(write.encoded(np.zeros((height, width), "u1"), None))
    )


def having(case, **keys):
    """The right program but for these choices, by stage."""
    every = space(case)
    return every.with_lines(every.right.having(every.find(*pair) for pair in keys.items()))


def rebuilt(case, file):
    return rebuild(measure(replace(case, saved=file)))


def said(found):
    return {choice.stage: choice.key for choice in found.deviations}


# --- a program is its lines -----------------------------------------------------------------------


def by_functions(program, case):
    """What the search takes the program to write."""
    every = space(case)
    runs = Runs(measure(case), every, read_written(write.encoded(case.image.pixels, None)))
    fed = runs.fed(program)
    values = decide.at_size(
        runs.output(program, fed),
        program["enlarge"],
        fed.size,
        fed.content,
        every.opened_size(program),
    )
    mask = decide.decided(values, program["decision"])
    return write.encoded(write.drawn(mask, program, every.opened_size(program)), None)


@pytest.mark.parametrize("stage", [stage for stage in BEFORE + AFTER if stage != "file"])
def test_the_lines_of_every_choice_do_what_the_search_takes_it_to_do(case, stage):
    every = space(case)
    for choice in every.choices[stage]:
        program = having(case, **({"palette": "none"} if stage in ("cast", "decision") else {}))
        program = program.having([choice])
        if stage == "back":
            program = program.having([every.find("enlarge", "fed")])
        if program["decision"].key == "softmax":
            program = program.having([every.find("cast", "float 255"), every.choices["palette"][0]])
        program = every.with_lines(program)
        if stage == "cast" and choice.key == "float 255":
            continue  # of probabilities: beside the decision that leaves them

        assert file_of(program, case) == by_functions(program, case), choice.key


def test_views_are_put_together_in_the_precision_of_the_forward(case):
    program = having(case, precision="float16", views="mirrored")
    fed = Runs(measure(case), space(case), read_written(write.encoded(case.image.pixels, None)))
    logits = fed.output(program, fed.fed(program))

    assert logits.dtype == torch.float32
    assert torch.equal(logits, logits.half().float())  # as a sum of halves is rounded
    assert file_of(program, case) == by_functions(program, case)


# --- found ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("resize", ["none", "fixed"])
def test_a_picture_read_on_its_side_is_told_though_the_mask_has_another_shape(case, resize):
    stored = PillowImage.fromarray(np.rot90(case.image.pixels).copy())
    tag = PillowImage.Exif()
    tag[0x0112] = 6  # to be turned by 90 degrees
    file = io.BytesIO()
    stored.save(file, "PNG", exif=tag)
    tagged = replace(
        case,
        image=decode_image(file.getvalue()),
        picture_file=file.getvalue(),
        settings=change(case.settings, resize=resize),
    )
    found = rebuilt(tagged, file_of(having(tagged, picture="stored"), tagged))

    assert tagged.image.pixels.shape == case.image.pixels.shape
    assert found.exact and said(found) == {"picture": "stored"}


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"color": "bgr"},
        {"numbers": "bytes"},
        {"layout": "reshape"},
        {"enlarge": "fed", "back": "cv2"},
        {"enlarge": "fed", "back": "colors pil bilinear"},
        {"decision": "rows", "palette": "none"},
        {"cast": "times 255", "palette": "none"},
        {"palette": "voc bgr"},
        {"color": "bgr", "palette": "voc gray"},
        {"size": "letterbox 64 114"},
    ],
    ids=str,
)
def test_the_program_that_wrote_the_file_is_found_exactly(case, keys):
    program = having(case, **keys)

    found = rebuilt(case, file_of(program, case))

    assert found.exact
    assert said(found) == keys
    assert file_of(found.program, case) == file_of(program, case)


@pytest.mark.parametrize(
    "keys",
    [
        {"color": "bgr", "numbers": "unit"},
        {"layout": "flipped", "color": "gray thrice"},
        {"size": "as it is", "color": "bgr"},
        {"interpolation": "torch nearest", "color": "bgr"},
        {"layout": "mirrored", "numbers": "unit"},
        {"mode": "train", "palette": "voc bgr"},
        {"color": "bgr", "enlarge": "fed", "back": "cv2"},
    ],
    ids=str,
)
def test_several_changes_at_once_are_found_one_after_the_other(case, keys):
    found = rebuilt(case, file_of(having(case, **keys), case))

    assert found.exact
    assert file_of(found.program, case) == file_of(having(case, **keys), case)
    assert found.forwards < REBUILDING


def test_the_files_other_weights_are_a_choice_of_the_script(case, monkeypatch):
    monkeypatch.setattr("core.diagnosis.reproduction.rebuild.REBUILDING", 3.0)
    module = copy.deepcopy(case.network.module)
    module[1].weight.neg_()
    other = replace(case.network, module=module, checkpoint_digest="another digest")
    of_other = replace(case, network=other)
    file = file_of(having(of_other, color="bgr"), of_other)

    found = rebuilt(replace(case, others={"ema": lambda: (None, other)}), file)

    assert found.exact
    assert said(found) == {"weights": "ema", "color": "bgr"}
    assert not rebuilt(case, file).exact


def test_a_jpeg_of_a_wrong_input_is_rebuilt(case):
    jpeg = write.file_choice(
        read_written(write.encoded(np.zeros((8, 8, 3), "u1"), {"quality": 85}))
    )
    program = having(case, color="bgr").having([jpeg])

    found = rebuilt(case, file_of(program, case))

    assert found.exact
    assert said(found) == {"color": "bgr", "file": "jpeg"}


def test_a_jpeg_is_rebuilt_with_its_own_quality(case):
    jpeg = write.file_choice(
        read_written(write.encoded(np.zeros((8, 8, 3), "u1"), {"quality": 85}))
    )
    program = having(case).having([jpeg])

    found = rebuilt(case, file_of(program, case))

    assert found.exact
    assert "quality=85" in found.lines[-1]


def test_a_gray_jpeg_is_rebuilt_too(case):
    gray = np.array(PillowImage.open(io.BytesIO(file_of(having(case, palette="none"), case)))) * 60

    found = rebuilt(case, write.encoded(gray, {"quality": 90}))

    assert found.share > 0.5


def test_the_right_lines_stand_beside_and_the_first_wrong_one_is_marked(case):
    found = rebuilt(case, file_of(having(case, numbers="unit"), case))

    assert "x = (x - mean) / std" in found.right.lines
    assert found.lines[found.first_difference] == "x = x.float()"  # where mean and std are missing
    assert [line for line in found.diff if line.startswith("+ x = (x - mean)")]


def overflowing(case, by=16_000):
    """The same network, but that its first features are so many times as large: beyond float16."""
    module = copy.deepcopy(case.network.module)
    module[2].weight *= by
    module[2].bias *= by
    module[4].weight /= by
    return replace(case, network=replace(case.network, module=module, checkpoint_digest="large"))


@pytest.mark.parametrize("decision", ["argmax", "argmax of softmax"])
def test_holes_where_a_forward_in_float16_is_no_number_are_explained_exactly(case, decision):
    large = overflowing(case)
    file = file_of(having(large, precision="float16", decision=decision), large)

    found = rebuilt(large, file)

    assert found.exact
    assert said(found)["precision"] == "float16"
    assert 0.01 < found.not_finite < 0.9
    assert file_of(found.program, large) == file


def test_the_finding_says_how_many_pixels_are_no_number_and_what_becomes_of_them(case):
    large = overflowing(case)
    program = having(large, precision="float16", decision="argmax of softmax")
    measured = measure(replace(large, saved=file_of(program, large)))

    (told,) = saved_output(measured, Progress(rebuilt=rebuild(measured)))

    assert (told.cause, told.certainty) == ("N2", "certain")
    assert "NaN or infinite: softmax makes all classes" in told.evidence[1].words


def test_a_black_file_of_a_network_that_overflows_is_possibly_of_float16(case):
    large = overflowing(case, by=1e6)
    file = file_of(having(large, precision="float16", decision="argmax of softmax"), large)

    (told,) = saved_output(measure(replace(large, saved=file)), Progress())

    assert read_written(file).flat
    assert told.certainty == "possible"
    assert "float16, in which 100.0% of the pixels have logits that are" in told.evidence[1].words


# --- not found ------------------------------------------------------------------------------------


def test_a_file_that_was_filtered_afterwards_is_never_exact(case):
    mask = PillowImage.open(io.BytesIO(file_of(having(case), case)))
    file = io.BytesIO()
    mask.filter(ImageFilter.MedianFilter(5)).save(file, "PNG")

    found = rebuilt(case, file.getvalue())

    assert not found.exact
    assert 0.5 < found.share < 1
    assert "possibly" in found.words


def test_of_a_black_file_nothing_is_rebuilt(case):
    found = rebuilt(case, write.encoded(np.zeros((64, 96), np.uint8), None))

    assert (found.exact, found.share) == (False, 0.0)
    assert "one value only" in found.words


def test_a_saved_figure_is_no_evidence(case):
    figure = np.full((120, 160, 3), 255, np.uint8)
    figure[20:100, 20:140] = np.random.default_rng(0).integers(0, 255, (80, 120, 3))

    written = read_written(write.encoded(figure, None))

    found = rebuilt(case, write.encoded(figure, None))

    assert written.is_figure
    assert (found.exact, found.share) == (False, 0.0)
    assert "plt.savefig" in found.words


# --- as it is handed on ---------------------------------------------------------------------------


def test_json_has_both_scripts_and_where_they_part(case):
    told = json.loads(json.dumps(rebuilt(case, file_of(having(case, color="bgr"), case)).to_dict()))

    assert told["exact"]
    assert told["share"] == 1.0
    assert told["differs_at"] == ["color"]
    assert "cv2.imread" in told["program"][told["first_difference"]]
    assert told["program"] != told["right"]
