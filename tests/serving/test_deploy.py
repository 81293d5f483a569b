"""What deploy/ says is true of this repository: files, options, limits, variables."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib

import pytest
import yaml

import serve
from core.architectures.families import registered
from core.onnx_graph import process
from tests.support.container import CONTAINER, copied
from tests.support.serving import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
NGINX = re.sub(r"#.*", "", (DEPLOY / "nginx.conf").read_text())
UNIT = (DEPLOY / "maskscope.service").read_text()
GUIDE = (ROOT / "docs" / "deploy.md").read_text()


@pytest.mark.parametrize("source", [source for source, _ in copied()])
def test_what_the_container_copies_is_there(source):
    assert (ROOT / source).exists()


def test_what_the_container_copies_and_nothing_else_is_sent_to_its_builder():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}

    assert "*" in lines
    assert sent == {source for source, _ in copied()}


def test_the_container_has_every_room_that_the_app_imports():
    rooms = {"app.py", "serve.py", "core", "pages", "serving", "examples", "pyproject.toml"}

    assert rooms <= {source for source, _ in copied()}


def test_the_container_runs_as_nobody_special_and_is_looked_after():
    assert re.search(r"^USER (?!root)\w+$", CONTAINER, re.M)
    assert "/healthz" in re.search(r"^HEALTHCHECK.*?\n(?!\s)", CONTAINER, re.M | re.S)[0]


def test_the_commands_are_such_as_serve_takes():
    started = re.search(r'^CMD \["python", "serve.py", (.+)\]$', CONTAINER, re.M)[1]
    unit = shlex.split(re.search(r"^ExecStart=\S+/python serve.py (.+)$", UNIT, re.M)[1])

    assert serve.read_options(re.findall(r'"([^"]+)"', started)).address == "0.0.0.0"
    assert serve.read_options(unit).base_path == "/tools/maskscope"
    assert serve.read_options(unit).address == "localhost"


def test_the_server_and_the_health_check_know_the_sub_path_by_the_same_name(monkeypatch):
    name = re.search(r"HEALTHCHECK.+environ\.get\('(\w+)'", CONTAINER, re.S)[1]
    monkeypatch.setenv(name, "/tools/maskscope")

    assert serve.read_options([]).base_path == "/tools/maskscope"
    assert serve.read_options(["--base-path", "/other"]).base_path == "/other"
    assert name in SERVICES["app"]["environment"]


def test_nginx_believes_no_address_that_a_client_sends():
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in NGINX


def test_what_compose_builds_from_is_there():
    for service in SERVICES.values():
        if build := service.get("build"):
            assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_images_of_others_are_pinned():
    for service in SERVICES.values():
        assert "build" in service or re.search(r":\d", service["image"])


def test_what_compose_keeps_is_in_volumes_that_it_declares():
    kept = [volume.split(":")[0] for s in SERVICES.values() for volume in s.get("volumes", ())]

    assert sorted(kept) == sorted(COMPOSE["volumes"])


def test_compose_waits_only_for_services_that_it_has():
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)


def test_compose_holds_no_secret_and_lets_only_this_machine_in():
    for name, service in SERVICES.items():
        for variable, value in service["environment"].items():
            if re.search("TOKEN|PASSWORD|SECRET", variable):
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), (name, variable)
    assert SERVICES["app"]["ports"] == ["127.0.0.1:8501:8501"]
    assert not any("ports" in service for name, service in SERVICES.items() if name != "app")


def test_compose_names_database_and_bucket_as_they_are():
    app, storage = SERVICES["app"]["environment"], SERVICES["bucket"]["environment"]

    assert "@database/maskscope" in app["DATABASE_URL"]
    assert SERVICES["database"]["environment"]["POSTGRES_DB"] == "maskscope"
    assert app["AWS_ENDPOINT_URL"].startswith("http://bucket:")
    assert app["AWS_ACCESS_KEY_ID"] == storage["AWS_ACCESS_KEY_ID"]
    assert "-bucket=maskscope" in SERVICES["bucket"]["command"]
    assert app["BLOBS_URL"].startswith("s3://maskscope/")


def test_nginx_lets_through_what_the_app_takes():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    limit = int(re.search(r"client_max_body_size (\d+)m;", NGINX)[1])

    assert limit == config["server"]["maxUploadSize"] + 1  # the form around the file


def test_nginx_keeps_the_sub_path_and_opens_websockets():
    assert "proxy_pass http://maskscope;" in NGINX
    assert f"location {serve.read_options(['--base-path', '/tools/maskscope']).base_path}/" in NGINX
    for header in ("Host $http_host", "Upgrade $http_upgrade", "X-Forwarded-Proto $scheme"):
        assert f"proxy_set_header {header};" in NGINX


def test_nginx_logs_no_query():
    logged = re.search(r"log_format maskscope '(.+?)';", NGINX)[1]

    assert not re.search(r"\$(request|request_uri|args|query_string|http_referer)\b", logged)
    assert "access_log /var/log/nginx/maskscope.log maskscope;" in NGINX


def test_nginx_is_balanced():
    assert NGINX.count("{") == NGINX.count("}")


def read_variables():
    """Every variable that the app asks its environment for."""
    asks = re.compile(r"environ(ment)?\.(get|pop)$")
    paths = [
        ROOT / "serve.py",
        *(p for r in ("core", "pages", "serving") for p in (ROOT / r).rglob("*.py")),
    ]
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and asks.search(ast.unparse(node.func)):
                yield from (a.value for a in node.args[:1] if isinstance(a, ast.Constant))


def test_the_guide_knows_every_variable_that_is_read():
    wanted = {*read_variables(), registered.SETTING, process.ALLOWED}

    assert {"MASKSCOPE_DATA", "MASKSCOPE_TOKEN", "DATABASE_URL", "MODEL_FACTORIES"} <= wanted
    assert {name for name in wanted if f"`{name}`" not in GUIDE} == set()


def test_every_variable_of_compose_and_unit_is_in_the_guide_or_the_servers_own():
    of_others = re.compile("AWS_|POSTGRES_")
    of_unit = set(re.findall(r"^Environment=(\w+)=", UNIT, re.M))
    named = set(SERVICES["app"]["environment"]) | of_unit

    assert {n for n in named if f"`{n}`" not in GUIDE and not of_others.match(n)} == set()


def test_the_guide_names_only_files_that_are_there():
    for path in re.findall(r"`((?:deploy|docs|scripts)/[\w./-]+)`|\]\(((?!http)[\w./-]+)\)", GUIDE):
        assert (ROOT / path[0]).exists() if path[0] else (ROOT / "docs" / path[1]).exists()
