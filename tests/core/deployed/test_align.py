"""Which layer of one program is which of the other."""

import numpy as np

from core.deployed.align import aligned
from core.deployed.layers import Layer, folded
from core.sketch import sketch


def layer(kind, size, value=0.0, name=""):
    return Layer(kind, name or kind, sketch(np.linspace(0, 1, size) + value))


def test_layers_are_matched_in_order_though_one_side_has_more():
    one = [layer("convolution", 10), layer("convolution", 20), layer("resize", 40)]
    other = [one[0], layer("linear", 7), one[1], layer("concatenation", 9), one[2]]
    found = aligned(one, other)

    assert [pair.apart for pair in found.pairs] == [0, 0, 0]
    assert found.unmatched == (0, 2)


def test_they_part_where_they_stay_apart():
    one = [layer("convolution", size) for size in (10, 20, 30, 40)]
    lone = [*one[:1], layer("convolution", 20, 1.0), *one[2:]]
    lasting = [*one[:2], *(layer("convolution", size, 1.0) for size in (30, 40))]

    assert aligned(one, one).first_above(0.01) is None
    assert aligned(one, lone).first_above(0.01) is None
    assert aligned(one, lasting).first_above(0.01) == 2


def test_layers_in_parallel_may_come_in_any_order():
    """Query, key and value of an attention, as exporters order them."""
    query, key, value = (layer("linear", 30, shift, name) for shift, name in enumerate("qkv"))
    found = aligned([query, key, value], [value, query, key])

    assert [(pair.one.name, pair.other.name) for pair in found.pairs] == [
        ("q", "q"), ("k", "k"), ("v", "v")
    ]  # fmt: skip
    assert found.first_above(0.01) is None


def test_the_last_layer_alone_may_be_where_they_part():
    one = [layer("convolution", 10), layer("resize", 40)]
    other = [one[0], layer("resize", 40, 1.0)]

    assert aligned(one, other).first_above(0.01) == 1


def test_a_batchnorm_is_folded_into_the_convolution_before_it():
    norm = layer("normalization", 10, 5.0)
    found = folded([layer("convolution", 10, name="conv1"), norm, layer("normalization", 3)])

    assert [(one.name, one.seen) for one in found] == [("conv1", norm.seen)]
