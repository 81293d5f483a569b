"""A provider of OpenID Connect for tests: real keys, codes and PKCE; it says what it is told."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.support.serving import free_port

CLIENT, SECRET = "maskscope", "known to both"


class Provider:
    """Says of everybody who comes what `person` holds."""

    def __init__(self, issuer: str) -> None:
        """Args: issuer, its own address."""
        self.issuer = issuer
        self.person: dict[str, object] = {}
        self._key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
        self._asked: dict[str, dict[str, str]] = {}  # by code

    def app(self) -> Starlette:
        """Its routes."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/keys", self._keys),
            ]
        )

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT
        code = secrets.token_urlsafe(16)
        self._asked[code] = asked
        query = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{query}")

    async def _token(self, request: Request) -> Response:
        form = {
            name: values[0] for name, values in parse_qs((await request.body()).decode()).items()
        }
        asked = self._asked.pop(form["code"])
        proof = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        assert proof.decode().rstrip("=") == asked["code_challenge"]
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        assert request.headers["authorization"] == f"Basic {basic}"
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60}
        told = claims | {"nonce": asked["nonce"], **self.person}
        token = jwt.encode({"alg": "RS256", "kid": "1"}, told, self._key)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})


@contextmanager
def provide() -> Iterator[Provider]:
    """Run one in a thread."""
    port = free_port()
    provider = Provider(f"http://localhost:{port}")
    config = uvicorn.Config(provider.app(), host="localhost", port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield provider
    server.should_exit = True
    thread.join(timeout=5)
