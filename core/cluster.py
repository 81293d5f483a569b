"""A Ray cluster, connected: what sweeps and the forwards of the dashboard have in common.

Ray itself is imported when it is first asked for; the default needs none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import InspectionError

ADDRESS = "RAY_ADDRESS"  # Ray's own variable
CORE = Path(__file__).resolve().parent


@contextmanager
def connected(address: str, **options: Any) -> Iterator[Any]:
    """Ray, connected; where it was not before, it is left at the end.

    Args:
        address: of a cluster; "": that of RAY_ADDRESS, else one of this machine's cores.
        options: of `ray.init`, such as `num_cpus` of a cluster on this machine.

    Raises:
        InspectionError: it is not installed, or the cluster cannot be reached.
    """
    ray = imported()
    if ray.is_initialized():
        yield ray
        return
    connect(ray, address or os.environ.get(ADDRESS, ""), options)
    try:
        yield ray
    finally:
        ray.shutdown()


def imported() -> Any:
    """The module.

    Raises:
        InspectionError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        import ray
    except ImportError as error:
        raise InspectionError(
            "Ray is not installed here.",
            remedy=f'Install it with: pip install "maskscope[ray]", or leave out --engine ray '
            f"and {ADDRESS}.",
        ) from error
    return ray


def connect(ray: Any, address: str, options: Mapping[str, Any]) -> None:
    """Connect this process, until `ray.shutdown()`.

    Raises:
        InspectionError: the cluster cannot be used.
    """
    quiet = {"include_dashboard": False, **options} if not address else options
    mine = {"py_modules": [str(CORE)]} if address else {}  # workers run this very version
    try:
        ray.init(
            address or "local",
            runtime_env=mine,
            log_to_driver=False,
            logging_level="ERROR",
            **quiet,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InspectionError(
            f"The Ray cluster {address or 'of this machine'} cannot be used: {error}",
            remedy=f"Check {ADDRESS}, such as 10.0.0.5:6379, and that its Ray has this version.",
        ) from error
