"""The finding that explains most of this mask stands first: upstream before its colors."""

from dataclasses import replace

import numpy as np
import torch

from core.diagnosis import diagnose
from core.diagnosis.finding import Finding, worst_first
from core.presets import PRESETS
from core.settings import change
from tests.support.cases import (
    causes,
    example_checkpoint,
    healthy,
    inspected,
    with_settings,
    with_tensors,
)

UNIT = PRESETS["unit"].changes


def finding(cause, certainty="certain", effect=None, kind="fault"):
    return Finding(cause, certainty, (), "", "", effect=effect, kind=kind)


def order(*findings):
    return [one.cause for one in worst_first(findings)]


def as_made_anew(seed=0):
    """The example with weights and statistics as PyTorch makes them."""
    torch.manual_seed(seed)
    made = {}
    for key, tensor in example_checkpoint().tensors.items():
        bound = tensor[0].numel() ** -0.5 if tensor.ndim == 4 else 0.0
        fresh = torch.empty_like(tensor, memory_format=torch.contiguous_format)
        one = key.endswith(("running_var", ".weight"))
        made[key] = fresh.uniform_(-bound, bound) if tensor.ndim == 4 else fresh.fill_(int(one))
    return made


def test_weights_that_mean_nothing_stand_before_the_statistics_and_the_palette():
    assert order(finding("D4", effect=0.9), finding("B1"), finding("W3")) == ["W3", "B1", "D4"]


def test_what_changes_most_pixels_stands_before_a_few_wrong_colors_though_less_sure():
    assert order(finding("D4", effect=0.01), finding("P1", "likely", 0.94)) == ["P1", "D4"]


def test_colors_that_are_wrong_at_more_pixels_stand_first():
    assert order(finding("P6", "likely", 0.05), finding("D1", effect=0.4)) == ["D1", "P6"]


def test_a_guess_upstream_does_not_outrank_colors_that_are_certainly_wrong():
    assert order(finding("P6", "possible", 0.9), finding("D4", effect=0.1)) == ["D4", "P6"]


def test_an_untrained_network_is_told_that_and_nothing_of_a_palette_that_nobody_chose():
    found = causes(diagnose(with_tensors(as_made_anew())))

    assert found[0] == "W3"
    assert "D4" not in found


def test_a_palette_without_enough_colors_is_a_fault_only_where_it_was_chosen():
    names = tuple(f"kind {k}" for k in range(6))
    chosen = with_settings(palette="custom", custom=("#000000", "#ff0000"), class_names=names)
    untouched = replace(chosen, settings=change(chosen.settings, palette="safe"))

    assert causes(diagnose(chosen)) == ["D4"]
    assert causes(diagnose(untouched)) == []


def test_pixels_of_the_mask_that_a_fix_would_bring_are_not_told_as_those_on_the_screen():
    case = with_settings(**UNIT, palette="custom", custom=("#000000", "#ff0000"))
    palette = next(one for one in diagnose(case).findings if one.cause == "D4")

    assert palette.evidence[0].words.startswith("With the other faults fixed, ")
    assert palette.effect == 0.0


def test_ids_as_gray_levels_tell_how_much_of_the_mask_they_blacken():
    gray = diagnose(with_settings(palette="gray")).faults[0]

    foreground = np.mean(inspected(healthy(), healthy().settings).labels.ids > 0)
    assert (gray.cause, gray.effect) == ("D1", foreground)
