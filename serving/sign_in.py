"""What somebody without the token gets to see: where to put it."""

from __future__ import annotations

# The form goes to the address that was asked for, so that nobody can make it lead elsewhere.
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Maskscope</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 26rem; margin: 18vh auto 0; padding: 0 1rem; }
input, button { font: inherit; padding: .5rem .7rem; width: 100%%; box-sizing: border-box; }
button { margin-top: .7rem; cursor: pointer; }
.wrong { font-weight: 600; }
</style></head><body>
<h1>Maskscope</h1>
<p class="%(mood)s" role="status">%(sentence)s</p>
<form method="post">
<label>Access token<input name="token" type="password" autocomplete="current-password" required
 autofocus></label>
<button>Open</button>
</form>
</body></html>
"""
MISSING = "This server opens with an access token. Whoever started it has it."
WRONG = "This is not the access token of this server. It may have been changed since."


def sign_in_page(*, wrong: bool) -> str:
    """Write the page."""
    return PAGE % {"mood": "wrong" if wrong else "", "sentence": WRONG if wrong else MISSING}
