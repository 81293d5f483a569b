"""The foreign benchmark: scenes are seeded, parts share nothing, what is saved comes back."""

import numpy as np
import pytest
import torch

from benchmarks.document import write_part
from benchmarks.foreign.networks import HELD_OUT, TUNE, Enlarged
from benchmarks.foreign.saving import WITH_GRAPH, saved, ways_of
from benchmarks.foreign.scenes import WORLDS, render
from examples.materials import opened

SMALL = next(member for member in HELD_OUT if member.name == "psp_mobilenet")


@pytest.mark.parametrize("kind", WORLDS)
def test_a_scene_is_that_of_its_seed_and_has_its_classes(kind):
    world = WORLDS[kind]
    pixels, ids = render(kind, 7)
    again = render.__wrapped__(kind, 7)

    assert pixels.shape == (*world.size, 3) and ids.shape == world.size
    assert np.array_equal(pixels, again[0]) and np.array_equal(ids, again[1])
    assert not np.array_equal(pixels, render(kind, 8)[0])
    assert 2 <= len(np.unique(ids)) <= len(world.classes)


def test_the_parts_share_no_network_and_the_kept_one_has_twelve():
    names = [{member.name for member in part} for part in (TUNE, HELD_OUT)]

    assert not names[0] & names[1]
    assert len(names[0]) >= 6 and len(names[1]) >= 12
    assert {m.world for m in TUNE} == {m.world for m in HELD_OUT} == set(WORLDS)


@pytest.mark.parametrize("way", [way for way in ways_of(SMALL) if way not in WITH_GRAPH])
def test_what_is_saved_in_any_way_is_rebuilt_as_it_was(way):
    torch.manual_seed(0)
    network = SMALL.build(SMALL.classes).eval()
    content, name = saved(SMALL, network.state_dict(), way)
    _, rebuilt, error = opened(content, name)
    pixels = torch.rand(1, 3, 64, 64)

    assert error is None
    with torch.inference_mode():
        theirs = Enlarged(network)(pixels)
        ours = Enlarged(rebuilt.module.float())(pixels)
    assert torch.allclose(ours, theirs, atol=0.02 if way == "float16" else 1e-4)


def test_a_part_of_the_page_is_replaced_and_the_others_stay(tmp_path):
    page = tmp_path / "benchmark.md"
    page.write_text("# Before there were parts\n")
    write_part("foreign", "# Foreign\n\nold", page)
    write_part("foreign", "# Foreign\n\nnew", page)
    before = page.read_text()
    write_part("zoo", "# Zoo", page)

    assert "Before there were parts" in before and "new" in before and "old" not in before
    assert page.read_text().index("# Zoo") < page.read_text().index("# Foreign")
    assert "Before" not in page.read_text()
