"""Small pictures and masks of a set, one request for each that comes into view.

Routes like any other: behind the gate where there is one; each tab has its own token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core import thumbs
from core.errors import InspectionError

if TYPE_CHECKING:
    from starlette.requests import Request

PATH = "/small"
GONE = 404
KEPT = {"cache-control": "private, max-age=3600, immutable"}  # what lies behind an address stays


def thumb_routes(base: str) -> list[Route]:
    """Answer below `base`, and tell the pages that somebody does.

    Args:
        base: the sub-path below which the app is; "" for none.
    """

    async def picture(request: Request) -> Response:
        place = request.path_params["index"]
        return await _answered(request, lambda view: view.picture(place), "image/jpeg")

    async def labels(request: Request) -> Response:
        digest = request.path_params["digest"]
        return await _answered(
            request, lambda view: view.labels(digest), "application/octet-stream"
        )

    thumbs.DOORS.offer(f"{base}{PATH}")
    return [
        Route(f"{base}{PATH}/{{token}}/picture/{{index:int}}", picture),
        Route(f"{base}{PATH}/{{token}}/labels/{{digest}}", labels),
    ]


async def _answered(
    request: Request, made: Callable[[thumbs.SetView], bytes], media: str
) -> Response:
    view = thumbs.DOORS.behind(request.path_params["token"])
    if view is None:
        return PlainTextResponse("This tab is not known any more.", GONE)
    try:
        content = await run_in_threadpool(made, view)
    except InspectionError as error:
        return PlainTextResponse(error.message, GONE)
    return Response(content, media_type=media, headers=KEPT)
