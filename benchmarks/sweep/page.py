"""docs/scale.md, from the figures alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any

A_DAY = 10_000_000  # pictures
SECONDS = 86_400  # of a day


def page_of(figures: Mapping[str, Any]) -> str:
    """The whole page; every number in it is one of the figures, or computed from them."""
    parts = (_head, _one_machine, _where, _batches, _cluster, _ten_million)
    return "\n\n".join(part(figures).strip() for part in parts) + "\n"


def _head(figures: Mapping[str, Any]) -> str:
    return f"""
# What a sweep of many pictures costs

Written by `python -m benchmarks.sweep` on {figures["day"]}, on a machine of
{figures["cores"]} cores that others used too. Pictures: rendered desks of 256 x 256 with ground
truth; the network of the built-in example (DeepLabV3, MobileNetV3), one thread a process; **four
settings, so four forwards a picture**. Larger pictures and networks cost more by their forward: see
[performance](performance.md).
"""


def _one_machine(figures: Mapping[str, Any]) -> str:
    local = figures["local"]
    more = local["memory_mb_500"] - local["memory_mb_20"]
    wall, used = (
        f"{_ms(local[f'{name}_50'])} | {_ms(local[f'{name}_500'])} "
        f"| {local[f'{name}_500'] / local[f'{name}_50']:.2f}"
        for name in ("cost", "cpu")
    )
    return f"""
## One machine

| | 50 pictures | 500 pictures | 500 : 50 |
|---|---|---|---|
| ms a picture | {wall} |
| ms of the processor a picture, of the sweep's own process | {used} |

Peak memory of all its processes: {local["memory_mb_20"]:.0f} MB for 20 pictures,
{local["memory_mb_500"]:.0f} MB for 500 ({more:+.0f} MB). A row takes
{local["bytes_by_row"]:.0f} bytes as Parquet; `finish` takes
{_ms(local["finish_seconds_500"])} ms for 2,000 rows.
"""


def _where(figures: Mapping[str, Any]) -> str:
    local = figures["local"]
    named = {"preprocess": "picture to tensor", "forward": "forward", "decide": "logits to labels"}
    stages = {name: 4 * local["stages"].get(name, 0.0) for name in named}
    rest = max(0.0, local["cost_500"] - sum(stages.values()))
    rows = "\n".join(
        f"| {named[name]}, four times | {_ms(each)} |" for name, each in stages.items()
    )
    largest = max(stages, key=stages.__getitem__)
    return f"""
## Where the time goes

| of a picture | ms |
|---|---|
{rows}
| all else: the first BatchNorm, figures of the rows, waiting | {_ms(rest)} |

The next bottleneck is the {named[largest]}:
{100 * stages[largest] / local["cost_500"]:.0f} % of the time.
Decoding is beside it, in a thread and a process of its own: it counts only where pictures come
slower than they are computed.
"""


def _batches(figures: Mapping[str, Any]) -> str:
    rows = "\n".join(
        f"| {each['network']} | {each['side']} | {'yes' if each['equal'] else 'no'} "
        f"| {each['largest_difference']:.1g} | {each['ms_alone']:.1f} | {each['ms_batched']:.1f} "
        f"| {each['ms_first_norm']:.1f} | {each['ms_fifth_norm']:.1f} |"
        for each in figures["batches"]
    )
    return f"""
## Why pictures are not batched

Four at once against one by one, one thread, random input:

| network | side | logits equal bit for bit | largest difference | ms alone | ms in a batch \
| ms to the first BatchNorm | to the fifth |
|---|---|---|---|---|---|---|---|
{rows}

Labels of a sweep are those of the dashboard, bit for bit; a batch does not give that, and whether
it is faster depends on the network. The first BatchNorm is asked once for each
preprocessing ([decision 41](decisions/0041-sweeps.md)).
"""


def _cluster(figures: Mapping[str, Any]) -> str:
    ray, beside = figures["ray"], figures["two_processes_without_ray"]
    ratios, plain = (
        ", ".join(f"{each:.2f}" for each in sorted(found)) for found in (ray["speed_up"], beside)
    )
    return f"""
## On a Ray cluster

Workers of one thread each, all on this machine, once all of them have the network:

| | ms a picture | pictures a second |
|---|---|---|
| one worker | {_ms(ray["cost_1"])} | {1 / ray["cost_1"]:.1f} |
| two workers | {_ms(ray["cost_2"])} | {1 / ray["cost_2"]:.1f} |

Two workers against one, round by round: {ratios} times
(median {statistics.median(ray["speed_up"]):.2f}). Two plain processes beside each other against
one, without Ray, on the same cores: {plain} times. Where rounds differ so much, others had
the cores meanwhile, and the ratio is not known: measure again on a machine that is idle.
One driver hands out, takes back and writes {ray["answers_a_second"]:.0f} pictures a second while
workers have nothing to compute.
"""


def _ten_million(figures: Mapping[str, Any]) -> str:
    ray, local = figures["ray"], figures["local"]
    rate = A_DAY / SECONDS
    cores = math.ceil(rate * ray["cost_1"])
    feeds = ray["answers_a_second"] / rate
    table = A_DAY * 4 * local["bytes_by_row"] / 1e9
    enough = "One driver is enough" if feeds >= 1 else f"{math.ceil(1 / feeds)} drivers are needed"
    return f"""
## Ten million pictures a day

10,000,000 in 86,400 s are {rate:.1f} a second. At {_ms(ray["cost_1"])} ms a picture on one core
that is {rate:.1f} x {ray["cost_1"]:.4f} = **{cores} cores** like these for four settings,
none to spare; about a quarter of it for one setting. {enough}: its
{ray["answers_a_second"]:.0f} a second are {feeds:.1f} times that. The rows
are {table:.0f} GB a day as Parquet, four a picture; at
{figures["picture_bytes"] / 1e3:.0f} kB a picture and its mask, as here, the workers read
{rate * figures["picture_bytes"] / 1e6:.0f} MB a second together.

What was not measured: more than two workers, other machines, storage behind a network, GPUs.
"""


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f}"
