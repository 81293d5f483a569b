"""Lines of Python by which a script makes a network of transformers."""

from __future__ import annotations

from pprint import pformat
from typing import Any

from core.architectures.families.source_lines import LINE, call
from core.architectures.network import Source

NOT_SIZES = frozenset(  # names of classes stand in CLASS_NAMES
    {"model_type", "transformers_version", "architectures", "dtype", "id2label", "label2id"}
)


def transformers_source(model: Any) -> Source:
    """The library's own class and the part of its config that is no default, as plain data."""
    kind, config = type(model).__name__, type(model.config).__name__
    facts = {k: v for k, v in model.config.to_diff_dict().items() if k not in NOT_SIZES}
    facts["num_labels"] = int(model.config.num_labels)
    return Source(
        (f"from transformers import {config}", f"from transformers import {kind}"),
        (
            "config = {",
            *(line for name, value in facts.items() for line in _entry(name, value)),
            "}",
            *call(
                f"{kind}.from_pretrained",
                ["None", f"config={config}(**config)", "state_dict=weights", "dtype=torch.float32"],
            ),
        ),
        {"out": "network(x).logits"},
        "transformers",
        fills=True,
    )


def _entry(name: str, value: Any) -> list[str]:
    """`"name": value,` in one line, or in as many as it needs."""
    key = f'"{name}"' if name.isidentifier() else repr(name)
    first, *more = pformat(value, width=LINE - 4 - len(key), compact=True).splitlines()
    lines = [f"    {key}: {first}", *(f"    {' ' * len(key)}  {line}" for line in more)]
    return [*lines[:-1], f"{lines[-1]},"]
