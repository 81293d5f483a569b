"""Make the one `.venv` when the requirements changed, then run what was asked for.

Standard library only, so that a fresh machine needs nothing but Python 3.11 with its venv module:

    python3 scripts/bootstrap.py run|serve|test|lint|bench|fuzz|train|zoo|screenshots [...]

pip is called as it is configured on this machine (its index, proxy and certificates are honored).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".installed"
PEERS = ROOT / ".cache" / "peers"  # what `make bench` measures us beside: benchmarks/peers
DISK_NEEDED_GB = 9  # torch with its CUDA libraries takes about 6.5 GB, the wheels pass through /tmp
DEFAULT_PORT = 8501  # Streamlit's own default

RUN_REQUIREMENTS = ("requirements.txt",)
PEER_REQUIREMENTS = "requirements-bench.txt"
DEV_REQUIREMENTS = (
    "requirements.txt", "requirements-more.txt", "requirements-medical.txt", "requirements-ray.txt",
    "requirements-team.txt", "requirements-dev.txt",
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Set up what the command needs and run it; the return value is its exit code."""
    command, *rest = arguments or ["run"]
    if command not in COMMANDS:
        return _stop(f"unknown command {command!r}; known: {', '.join(COMMANDS)}")
    if sys.version_info < (3, 11):
        return _stop(
            f"Maskscope needs Python 3.11 or newer, this is {sys.version.split()[0]}. "
            "Call it with a newer one: python3.12 scripts/bootstrap.py " + command
        )
    requirements, steps = COMMANDS[command]
    if (code := _install(requirements)) != 0:
        return code
    return steps(rest)


def _stop(sentence: str) -> int:
    sys.stderr.write(f"maskscope: {sentence}\n")
    return 2


def _say(sentence: str) -> None:
    sys.stdout.write(f"maskscope: {sentence}\n")
    sys.stdout.flush()


def _python() -> str:
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return str(VENV / folder / name)


def _call(*command: str) -> int:
    """Run a command in the project's folder; Ctrl+C ends it quietly."""
    try:
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 130


def _digest(name: str) -> str:
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


def _install(requirements: tuple[str, ...]) -> int:
    """Install the requirements files that changed since they were last installed."""
    installed = set(STAMP.read_text().split()) if STAMP.exists() else set()
    missing = [name for name in requirements if _digest(name) not in installed]
    if not missing:
        return 0
    if (code := _make_venv()) != 0:
        return code
    _say(f"installing {', '.join(missing)}; the first time this downloads 2 to 3 GB (PyTorch)")
    options = [part for name in missing for part in ("-r", name)]
    code = _call(_python(), "-m", "pip", "install", *options)
    if code != 0:
        return _stop("pip could not install the requirements; its own message is above")
    STAMP.write_text("\n".join(sorted(installed | {_digest(name) for name in missing})))
    return 0


def _make_venv() -> int:
    if Path(_python()).exists():
        return 0
    try:
        import ensurepip  # noqa: F401 - Debian ships Python without it
    except ImportError:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        return _stop(f"Python's venv module is incomplete; install it first: apt install {version}")
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < DISK_NEEDED_GB:
        return _stop(f"{free:.1f} GB of disk are free, the set-up needs {DISK_NEEDED_GB} GB")
    venv.create(VENV, with_pip=True)
    return 0


def _port(rest: list[str]) -> int:
    """The port asked for with `--port N`, else the first free one from 8501 on."""
    if "--port" in rest:
        return int(rest[rest.index("--port") + 1])
    for port in range(DEFAULT_PORT, DEFAULT_PORT + 20):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    return DEFAULT_PORT


def _run(rest: list[str]) -> int:
    port = _port(rest)
    if port != DEFAULT_PORT and "--port" not in rest:
        _say(f"port {DEFAULT_PORT} is in use, taking {port}")
    _say(f"open http://localhost:{port}")
    return _call(
        _python(), "-m", "streamlit", "run", "serving/local.py", "--server.port", str(port)
    )


def _serve(rest: list[str]) -> int:
    return _call(_python(), "serve.py", *rest)


def _test(rest: list[str]) -> int:
    """Run what is named, else everything, in three processes, in the order of tests/conftest.py.

    Two of them wait for a browser much of their time, so that three keep two cores busy.

    `-m "not browser and not postgres"` needs neither program, so neither is brought.
    """
    wanted = " ".join(rest)
    brought = (bring for word, bring in NEEDED if f"not {word}" not in wanted)
    rest = rest or ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"]
    return next((code for bring in brought if (code := bring())), 0) or _pytest(rest)


def _pytest(rest: list[str]) -> int:
    return _call(_python(), "-m", "pytest", *rest)


def _browser() -> int:
    """Bring Chromium where it is missing: Debian's package as root, else Playwright's download."""
    download = (_python(), "-m", "playwright", "install", "chromium")
    return _bring(
        "scripts.chromium", "Chromium", "the browser tests", "chromium", download,
        "name one: CHROMIUM=/path/to/chromium make test",
    )  # fmt: skip


def _postgres() -> int:
    """Bring PostgreSQL where it is missing; the tests start and end one of their own."""
    return _bring(
        "scripts.postgres", "PostgreSQL", "the tests of the store", "postgresql", (),
        "name its programs: POSTGRES=/path/to/bin make test",
    )  # fmt: skip


NEEDED = (("browser", _browser), ("postgres", _postgres))  # marker -> who brings the program


def _bring(
    finder: str, name: str, tests: str, package: str, download: tuple[str, ...], remedy: str
) -> int:
    """Install a program that tests need, unless `finder` finds it."""
    if _call(_python(), "-m", finder) == 0:
        return 0
    _say(f"no {name} found, installing one for {tests}")
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        _call("apt-get", "update", "-qq")
        _call("apt-get", "install", "-y", "-qq", package)
    elif download:
        _call(*download)
    if _call(_python(), "-m", finder) == 0:
        return 0
    return _stop(
        f"{tests} need {name} and it could not be installed. Install it "
        f"(apt install {package}) or {remedy}"
    )


def _lint(rest: list[str]) -> int:
    checks = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))
    return max(_call(_python(), "-m", *check) for check in checks)


def _bench(rest: list[str]) -> int:
    """The peers lie beside the environment: Gradio asks for an older Pillow than ours."""
    stamp = PEERS / ".installed"
    if not stamp.exists() or stamp.read_text() != _digest(PEER_REQUIREMENTS):
        _say(f"installing {PEER_REQUIREMENTS} into {PEERS.relative_to(ROOT)}")
        shutil.rmtree(PEERS, ignore_errors=True)
        install = ("-m", "pip", "install", "-q", "--target", str(PEERS), "-r", PEER_REQUIREMENTS)
        if _call(_python(), *install) != 0:
            return _stop("pip could not install what is measured beside us; its message is above")
        stamp.write_text(_digest(PEER_REQUIREMENTS))
    return _browser() or _call(_python(), "-m", "benchmarks.performance", *rest)


def _fuzz(rest: list[str]) -> int:
    modules = ("tests.fuzz", "tests.fuzz_pictures")
    return max(_call(_python(), "-m", module, *rest[:1]) for module in modules)


def _script(module: str):  # noqa: ANN202 - a closure over one module name
    return lambda rest: _call(_python(), "-m", module, *rest)


COMMANDS = {
    "run": (RUN_REQUIREMENTS, _run),
    "serve": (RUN_REQUIREMENTS, _serve),
    "test": (DEV_REQUIREMENTS, _test),
    "lint": (DEV_REQUIREMENTS, _lint),
    "bench": (DEV_REQUIREMENTS, _bench),
    "fuzz": (DEV_REQUIREMENTS, _fuzz),
    "train": (RUN_REQUIREMENTS, _script("examples.train")),
    "zoo": (RUN_REQUIREMENTS, _script("examples.zoo.train")),
    "diagnosis": (DEV_REQUIREMENTS, _script("benchmarks.diagnosis")),
    "screenshots": (DEV_REQUIREMENTS, _script("scripts.screenshots")),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
