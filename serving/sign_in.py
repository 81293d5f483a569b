"""What somebody who may not come in (yet) gets to see."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Maskscope</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 26rem; margin: 18vh auto 0; padding: 0 1rem; }}
input, button, a {{ font: inherit; padding: .5rem .7rem; width: 100%; box-sizing: border-box; }}
button, a {{ margin-top: .7rem; cursor: pointer; }}
a {{ display: block; border: 1px solid; border-radius: 3px; color: inherit; text-align: center;
 text-decoration: none; }}
.wrong {{ font-weight: 600; }}
</style></head><body>
<h1>Maskscope</h1>
<p class="{mood}" role="status">{sentence}</p>
{ways}
</body></html>
"""
# The form goes to the address that was asked for, so that nobody can make it lead elsewhere.
FORM = """<form method="post">
<label>Access token<input name="token" type="password" autocomplete="current-password" required
 autofocus></label>
<button>Open</button>
</form>"""
MISSING = "This server opens with an access token. Whoever started it has it."
WRONG = "This is not the access token of this server. It may have been changed since."
GUESSED = "Too many wrong tokens came from your address. Wait a minute before the next one."
NOT_SIGNED_IN = "This server opens to people who sign in."
NOT_A_GUEST = "You are signed in, but not among those for whom this server is."


def token_page(sentence: str, *, wrong: bool) -> str:
    """Ask for the token, and say why."""
    return PAGE.format(mood="wrong" if wrong else "", sentence=sentence, ways=FORM)


def login_page(base: str, providers: tuple[str, ...], name: str) -> str:
    """Offer the providers.

    Args:
        base: the sub-path.
        providers: by the names of their sections.
        name: of somebody who has signed in and may not come in; "" for nobody.
    """
    sentence = f"{NOT_A_GUEST} ({escape(name)})" if name else NOT_SIGNED_IN
    ways = "\n".join(_way(base, provider, again=bool(name)) for provider in providers)
    return PAGE.format(mood="wrong" if name else "", sentence=sentence, ways=ways)


def _way(base: str, provider: str, *, again: bool) -> str:
    label = "Sign in" + (" as somebody else" if again else "")
    label += "" if provider == "default" else f" with {escape(provider)}"
    return f'<a href="{escape(base)}/sign-in?{urlencode({"provider": provider})}">{label}</a>'
