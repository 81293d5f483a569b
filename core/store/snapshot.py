"""What a run freezes: everything that was on the screen, as plain data and names of files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from core.errors import StoreError
from core.settings import Settings
from core.settings_json import from_json, to_json

Kind = Literal["everything", "no weights", "settings"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Role = Literal[
    "picture", "checkpoint", "truth", "saved", "labels", "thumbnail", "sweep", "masks"
]  # fmt: skip
ROLES: tuple[Role, ...] = get_args(Role)

FORMAT = 1  # of the document; the settings in it have a number of their own
MAX_TEXT = 20_000  # characters of one text
MAX_ITEMS = 10_000  # classes or findings
PRETRAINED = re.compile(r"|torchvision:[a-z0-9_]{1,80}")  # the only weights named and not kept


@dataclass(frozen=True)
class Result:
    """What was computed, so that it can be shown where the weights are not."""

    sentence: str  # what is seen
    shares: tuple[float, ...]  # of each class, 0..1
    class_names: tuple[str, ...]
    diagnosis: Mapping[str, Any] | None = None  # as Diagnosis.to_dict gives it; and "finished"
    pixel: tuple[float, ...] = ()  # logits of the pinned pixel


@dataclass(frozen=True)
class Snapshot:
    """One state of the dashboard, whole; the files themselves are beside it, by role."""

    kind: Kind
    settings: Settings
    preset: str = "unit"
    pretrained: str = ""  # "torchvision:..." where the weights are public, and so not kept
    part: str = ""  # path of the weights in the checkpoint
    choices: str = ""  # what its keys cannot tell, as a query
    checkpoint_name: str = ""
    checkpoint_mark: str = ""  # first digits of its SHA-256; all of them would open the file
    architecture: str = ""
    pin: tuple[int, int] | None = None  # row, column
    channel: int | None = None
    result: Result | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


def to_document(snapshot: Snapshot) -> str:
    """The snapshot as JSON."""
    result = snapshot.result
    plain = {**vars(snapshot), "settings": to_json(snapshot.settings)}
    plain["result"] = None if result is None else vars(result)
    return json.dumps({"format": FORMAT, **plain}, sort_keys=True, default=_number)


def _number(value: Any) -> Any:
    """A number of NumPy, say of a finding's evidence, as one of Python."""
    return value.item() if hasattr(value, "item") else str(value)


def from_document(text: str) -> Snapshot:
    """Read a snapshot that this version, an older one, or somebody else wrote.

    Raises:
        StoreError: it is no snapshot, or a newer Maskscope's.
        SettingsError: its settings cannot be used.
    """
    value = _Fields(_parsed(text))
    if (number := value.get("format")) != FORMAT:
        raise unreadable(f"its format is {number!r}, and this Maskscope knows {FORMAT}")
    result = value.get("result")
    return Snapshot(
        kind=value.one_of("kind", KINDS),
        settings=from_json(value.get("settings")),
        preset=value.text("preset"),
        pretrained=value.matching("pretrained", PRETRAINED),
        part=value.text("part"),
        choices=value.text("choices"),
        checkpoint_name=value.text("checkpoint_name"),
        checkpoint_mark=value.matching("checkpoint_mark", re.compile("[0-9a-f]{0,16}")),
        architecture=value.text("architecture"),
        pin=value.pixel("pin"),
        channel=value.count("channel"),
        result=None if result is None else _result(_Fields(result)),
        versions=value.texts_by_name("versions"),
    )


def _result(value: _Fields) -> Result:
    return Result(
        sentence=value.text("sentence"),
        shares=value.numbers("shares"),
        class_names=value.texts("class_names"),
        diagnosis=_diagnosis(value.get("diagnosis")),
        pixel=value.numbers("pixel"),
    )


FINDING = ("cause", "name", "certainty", "kind", "fix", "code")


def _diagnosis(value: Any) -> Mapping[str, Any] | None:
    """Only what pages show, each of the type that they expect."""
    if value is None:
        return None
    fields = _Fields(value)
    findings = [_Fields(item) for item in fields.items("findings")]
    return {
        "verdict": fields.text("verdict"),
        "finished": fields.get("finished") is not False,
        "findings": [
            {name: finding.text(name) for name in FINDING}
            | {"evidence": [{"words": _Fields(e).text("words")} for e in finding.items("evidence")]}
            for finding in findings
        ],
    }


# --- reading what may come from anywhere ----------------------------------------------------------


def unreadable(why: str) -> StoreError:
    """What to say of a run that cannot be read."""
    return StoreError(
        f"This run cannot be read: {why}.",
        remedy="Export it again where it comes from, with a Maskscope no newer than this one.",
    )


def _parsed(text: str) -> Any:
    try:
        return _without_surrogates(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise unreadable("it is not JSON") from error


def _without_surrogates(value: Any) -> Any:
    """JSON may escape halves of characters, which no page and no database can write."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    return value


class _Fields:
    """The fields of one JSON object, each asked for with its type."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise unreadable("an object is missing in it")
        self._value = value

    def get(self, name: str) -> Any:
        return self._value.get(name)

    def text(self, name: str) -> str:
        return _text(self.get(name), name)

    def matching(self, name: str, pattern: re.Pattern[str]) -> str:
        if not pattern.fullmatch(text := self.text(name)):
            raise unreadable(f"{name} has an unusable value")
        return text

    def one_of(self, name: str, known: tuple[Any, ...]) -> Any:
        if (value := self.get(name)) not in known:
            raise unreadable(f"{name} has an unknown value")
        return value

    def items(self, name: str) -> list[Any]:
        value = self.get(name)
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise unreadable(f"{name} is not a list, or it is too long")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(_text(item, name) for item in self.items(name))

    def texts_by_name(self, name: str) -> Mapping[str, str]:
        value = self.get(name)
        if not isinstance(value, Mapping) or len(value) > 100:
            raise unreadable(f"{name} is not an object, or it is too large")
        return {_text(key, name): _text(item, name) for key, item in value.items()}

    def numbers(self, name: str) -> tuple[float, ...]:
        return tuple(_finite_or_nan(item, name) for item in self.items(name))

    def count(self, name: str) -> int | None:
        value = self.get(name)
        if value is None or (type(value) is int and 0 <= value < 10**6):
            return value
        raise unreadable(f"{name} is not a small number")

    def pixel(self, name: str) -> tuple[int, int] | None:
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 2:
            raise unreadable(f"{name} is not a pixel")
        row, column = (_Fields({"at": item}).count("at") for item in value)
        if row is None or column is None:
            raise unreadable(f"{name} is not a pixel")
        return row, column


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise unreadable(f"{name} is not text, or it is too long")
    return value


def _finite_or_nan(value: Any, name: str) -> float:
    """A NaN of the network is worth showing; what is no number is not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise unreadable(f"{name} holds something else than numbers")
    if value != value or abs(value) < 1e300:  # NaN is the one that differs from itself
        return float(value)
    return math.inf if value > 0 else -math.inf  # also of an integer that no float can be
