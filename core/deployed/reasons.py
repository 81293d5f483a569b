"""Why two programs part: one small function a cause."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.deployed.answers import nearest
from core.deployed.evidence import Seen, is_half
from core.deployed.thresholds import COLLAPSED, OTHER_WEIGHTS, SAME_LABELS, SAME_WEIGHTS
from core.diagnosis.causes import CAUSES
from core.diagnosis.finding import Certainty, Evidence, Finding
from core.errors import ForwardError
from core.sketch import apart, sketch

WEIGHTED = {"convolution", "linear"}


def all_of(seen: Seen) -> Iterator[Finding]:
    """Everything that explains a difference; what is inside the graph is told either way."""
    told = list(of_the_file(seen))
    yield from told
    yield from _decision(seen)
    if seen.agrees or any(finding.cause == "E5" for finding in told):
        return
    yield from _feeding(seen) or _training(seen) or _weights_by_name(seen) or _inside(seen)


def of_the_file(seen: Seen) -> Iterator[Finding]:
    """What the graph says without being run."""
    yield from _fixed_size(seen)
    norms = seen.other.facts.get("training_norms", 0)
    if norms:
        words = f"{norms} BatchNormalization nodes of {seen.other.name} have training_mode = 1."
        yield _finding("E5", "certain", Evidence(words, norms))


def _finding(
    cause: str, sure: Certainty, *evidence: Evidence, changed: float | None = None
) -> Finding:
    known = CAUSES[cause]
    return Finding(cause, sure, evidence, known.fix, known.code, effect=changed)


def _changed(seen: Seen) -> float:
    return 1.0 if seen.likeness is None else 1 - seen.likeness.same


# --- input ----------------------------------------------------------------------------------------


def _fixed_size(seen: Seen) -> Iterator[Finding]:
    """E8: another size than the settings feed, or an output of one size."""
    fixed, shape = seen.other.size, seen.x.shape[2:]
    if fixed is not None and seen.is_resized:
        words = (
            f"The input of {seen.other.name} is fixed to {fixed[0]} x {fixed[1]} (rows x columns); "
            "the settings feed the picture at another size."
        )
        yield _finding("E8", "likely", Evidence(words))
        return
    given = [o.values.shape[2:] for o in seen.given.outputs if o.values.ndim == 4]
    if not seen.other.facts or fixed is not None or not given:
        return
    if given[0] in (shape, seen.logits.shape[2:]):
        return
    smaller = seen.x[:, :, : max(32, shape[0] // 64 * 32), : max(32, shape[1] // 64 * 32)]
    if smaller.shape == seen.x.shape:
        return
    try:
        again = [o.values.shape[2:] for o in seen.other.give(smaller).outputs if o.values.ndim == 4]
    except ForwardError:  # a graph that refuses it shows nothing of its output
        return
    if again and again[0] == given[0]:
        words = (
            f"{seen.other.name} returns {given[0][0]} x {given[0][1]} for an input of "
            f"{shape[0]} x {shape[1]}, and the same for one of {smaller.shape[2]} x "
            f"{smaller.shape[3]}."
        )
        yield _finding("E8", "certain", Evidence(words))


def _feeding(seen: Seen) -> list[Finding]:
    """E1, E2, E3: fed otherwise, the graph gives what is right."""
    if seen.better is None:
        return []
    feed, like = seen.better
    before = (
        "none of its outputs can be compared"
        if seen.likeness is None
        else f"{seen.likeness.same:.1%} of the pixels have the right class"
    )
    words = (
        f"Fed with {feed.words}, {seen.other.name} agrees with {seen.one.name} at {like.same:.1%} "
        f"of the pixels; fed as the checkpoint is, {before}."
    )
    return [_finding(feed.cause, "certain", Evidence(words, like.same), changed=_changed(seen))]


# --- inside ---------------------------------------------------------------------------------------


def _training(seen: Seen) -> list[Finding]:
    """E5 where no node says it: exporters take BatchNorm apart."""
    like = seen.in_training
    if like is None or not like.agrees(seen.tolerance):
        return []
    words = (
        f"With the picture's own statistics {seen.one.name} gives what {seen.other.name} gives: "
        f"{like.same:.1%} of the pixels have the same class; with the stored ones "
        f"{1 - _changed(seen):.1%}."
    )
    return [_finding("E5", "certain", Evidence(words, like.same), changed=_changed(seen))]


def _weights_by_name(seen: Seen) -> list[Finding]:
    """E9: tensors of the same name and shape hold other numbers."""
    one, other = seen.one.tensors, seen.other.tensors
    both = [
        name
        for name, tensor in one.items()
        if name in other
        and tensor.shape == other[name].shape
        and tensor.is_floating_point()
        and tensor.ndim > 1
    ]
    distances = {
        name: apart(sketch(one[name].float().numpy()), sketch(other[name].float().numpy()))
        for name in both
    }
    tolerance = max(SAME_WEIGHTS, 0.01 if is_half(seen.other) else 0.0)
    differing = [name for name in both if distances[name] > tolerance]
    if not both or len(differing) < OTHER_WEIGHTS * len(both):
        return []
    words = (
        f"{len(differing)} of {len(both)} tensors that have the same name in both hold other "
        f"numbers, {differing[0]} among them."
    )
    share = len(differing) / len(both)
    return [_finding("E9", "certain", Evidence(words, share), changed=_changed(seen))]


def _inside(seen: Seen) -> list[Finding]:
    """By the first layer where they part."""
    return _overflow(seen) or _rounding(seen) or _resize(seen) or _weights(seen)


def _overflow(seen: Seen) -> list[Finding]:
    """E4: the graph has numbers that are not finite where the checkpoint has none."""
    whole = all(layer.seen.non_finite == 0 for layer in seen.right.layers)
    broken = next((layer for layer in seen.given.layers if layer.seen.non_finite), None)
    if broken is None or not whole or not is_half(seen.other):
        return []
    words = (
        f"{broken.name} has {broken.seen.non_finite:.1%} numbers that are not finite; "
        f"{seen.one.name} has none in any layer."
    )
    largest = max(max(abs(v.seen.least), abs(v.seen.most)) for v in seen.right.layers)
    most = f"Its largest number there and before is {largest:,.0f}; float16 ends at 65,504."
    evidence = Evidence(words, broken.seen.non_finite), Evidence(most, largest)
    return [_finding("E4", "certain", *evidence, changed=_changed(seen))]


def _rounding(seen: Seen) -> list[Finding]:
    """E7: a tensor that is not itself after it was quantized and taken back."""
    lost = next((tensor for tensor in seen.given.rounded if tensor.error > COLLAPSED), None)
    if lost is None:
        return []
    words = (
        f"{lost.name} is cut to {lost.least:.3g} .. {lost.most:.3g} by its scale, which moves it "
        f"by {lost.error:.0%} of its spread; the median of the other tensors is "
        f"{np.median([t.error for t in seen.given.rounded]):.0%}."
    )
    return [_finding("E7", "certain", Evidence(words, lost.error), changed=_changed(seen))]


def _resize(seen: Seen) -> list[Finding]:
    """E6: they agree up to a resize, and not behind it."""
    if seen.alignment is None or seen.first is None:
        return []
    pair = seen.alignment.pairs[seen.first]
    if pair.one.kind != "resize":
        return []
    words = (
        f"Up to {pair.one.name} all layers agree; behind it they are {pair.apart:.0%} of their "
        "spread apart."
    )
    said = seen.other.facts.get("resizes") or ()
    told = (Evidence("The graph resizes by " + "; ".join(said[:4]) + "."),) if said else ()
    return [_finding("E6", "certain", Evidence(words, pair.apart), *told, changed=_changed(seen))]


def _weights(seen: Seen) -> list[Finding]:
    """E9 where names are lost: the first layer that differs has weights, and nothing else fits."""
    if seen.alignment is None or seen.first is None:
        return []
    pair = seen.alignment.pairs[seen.first]
    if pair.one.kind not in WEIGHTED:
        return []
    before = (
        "which sees the same input in both"
        if seen.first == 0
        else f"the first after {seen.first} that agree"
    )
    words = (
        f"{pair.one.name} ({pair.other.name} in {seen.other.name}), {before}, gives other numbers: "
        f"{pair.apart:.0%} of their spread apart, mean {pair.one.seen.mean:.3g} and "
        f"{pair.other.seen.mean:.3g}, std {pair.one.seen.std:.3g} and {pair.other.seen.std:.3g}."
    )
    return [_finding("E9", "likely", Evidence(words, pair.apart), changed=_changed(seen))]


# --- decision -------------------------------------------------------------------------------------


def _decision(seen: Seen) -> Iterator[Finding]:
    """G1, G2, G3: what the outputs are."""
    like = seen.likeness if seen.better is None else seen.better[1]
    if like is None or not like.agrees(seen.tolerance):
        yield from _other_head(seen)
        return
    shown = f"The output {like.name} of {seen.other.name}"
    share = f"{like.same:.1%} of the pixels have the class of {seen.one.name}."
    if like.form == "labels":
        yield _finding("G1", "certain", Evidence(f"{shown} holds class ids: {share}", like.same))
    elif like.form in ("softmax", "sigmoid"):
        words = f"{shown} is the {like.form} of the logits of {seen.one.name}: {share}"
        yield _finding("G2", "certain", Evidence(words, like.same))
    first = nearest(seen.given.outputs[:1], seen.logits)
    if like.place > 0 and (first is None or first.same < SAME_LABELS):
        words = (
            f"Output {like.place + 1} of {len(seen.given.outputs)}, {like.name}, has these logits; "
            f"the first, {seen.given.outputs[0].name}, has not."
        )
        yield _finding("G3", "certain", Evidence(words))


def _other_head(seen: Seen) -> Iterator[Finding]:
    """G3: what the graph returns is another head of the network."""
    for head in seen.right.outputs[1:]:
        like = nearest(seen.given.outputs, head.values)
        if like is not None and like.agrees(seen.tolerance):
            words = (
                f"The output {like.name} of {seen.other.name} is the head {head.name} of "
                f"{seen.one.name}: {like.same:.1%} of the pixels have its class."
            )
            yield _finding("G3", "certain", Evidence(words, like.same), changed=_changed(seen))
