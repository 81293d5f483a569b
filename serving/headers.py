"""What the browser is instructed about every answer: where nothing may come from, and go to."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def security_headers(page: str) -> dict[str, str]:
    """Return the headers of every answer.

    Args:
        page: Streamlit's index.html; its inline scripts are allowed by their digest, no other is.
    """
    return {
        "content-security-policy": _policy(INLINE_SCRIPT.findall(page)),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",  # addresses hold run ids
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }


# Downloads and pictures are never a page: nothing in them runs, whatever they hold.
FILE_POLICY = {"content-security-policy": "default-src 'none'; sandbox"}


def _policy(scripts: list[str]) -> str:
    known = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: {known}".rstrip(),  # blob: how Streamlit loads components
            "style-src 'self' 'unsafe-inline'",  # Streamlit writes its styles as it goes
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "connect-src 'self' data: blob:",  # nothing that is shown can call home
            "frame-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def streamlit_page() -> str:
    """Read the page that Streamlit serves."""
    import streamlit

    return (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
