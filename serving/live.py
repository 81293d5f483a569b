"""The answers to a drag, beside the page: a POST of the sliders' position gives the new planes.

It is a route like any other: behind the gate where there is one, for pages of this server only, and
each tab has its own token, which nobody else can guess.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core import live
from core.engine import Superseded
from core.errors import InspectionError
from core.timing import tell
from serving.origins import Origin, is_own

if TYPE_CHECKING:
    from starlette.requests import Request

PATH = "/live"
MOST_BYTES = 4096  # of a question
GONE, NOT_OURS, TOO_LONG, UNUSABLE = 404, 403, 413, 422
NOTHING = 204  # a newer position was asked for: no error, which a browser would log as one


def live_route(base: str, origins: frozenset[Origin] = frozenset()) -> Route:
    """Answer below `base`, and tell the pages that somebody does.

    Args:
        base: the sub-path below which the app is; "" for none.
        origins: of pages that may ask, besides the server's own.
    """

    async def asked(request: Request) -> Response:
        view = live.DOORS.behind(request.path_params["token"])
        if not is_own(request, origins):
            return _said(NOT_OURS, "This page is not of this server.")
        if view is None or view.ask is None:
            return _said(GONE, "This tab is not known any more. Reload the page.")
        position = await _position(request)
        if isinstance(position, Response):
            return position
        return await run_in_threadpool(_answered, view, position)

    live.DOORS.offer(f"{base}{PATH}")
    return Route(f"{base}{PATH}/{{token}}", asked, methods=["POST"])


async def _position(request: Request) -> dict[str, Any] | Response:
    """Mean, std and whether the slider rests; an answer where the question is none."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return _said(TOO_LONG, "A position of the sliders is shorter than that.")
    try:
        read = json.loads(body)
        numbers = {name: tuple(map(float, read[name])) for name in live.SLIDERS}
    except (ValueError, TypeError, KeyError, RecursionError):
        return _said(UNUSABLE, "A position of the sliders has a mean and a std.")
    if not all(math.isfinite(number) for each in numbers.values() for number in each):
        return _said(UNUSABLE, "Mean and std are finite numbers.")
    _take_times(read.get("took"))
    return {**numbers, "resting": read.get("resting") is True}


def _take_times(told: Any) -> None:
    """What the browser says of the answer before this question, in ms; nonsense is passed over."""
    for stage, took in told.items() if isinstance(told, dict) else ():
        if isinstance(took, int | float):
            tell(stage, took)


def _answered(view: live.LiveView, position: Mapping[str, Any]) -> Response:
    """In a thread of its own; given up as soon as the same tab asks for something newer."""
    view.asked, began = view.asked + 1, time.perf_counter()
    mine, ask = view.asked, view.ask

    def waiting() -> None:
        if view.asked != mine:
            raise Superseded

    if ask is None:
        return _said(GONE, "This tab shows nothing any more. Reload the page.")
    try:
        plane = ask(position, position["resting"], waiting)
    except Superseded:
        return Response(status_code=NOTHING)
    except InspectionError as error:
        return _said(UNUSABLE, error.message)
    took = {"server-timing": f"answer;dur={1000 * (time.perf_counter() - began):.1f}"}
    return Response(plane, media_type="application/octet-stream", headers=took)


def _said(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)
