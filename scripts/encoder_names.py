"""Write the table of `core/architectures/families/smp/encoder_names.py`; takes a minute."""

from __future__ import annotations

import json
import logging
import warnings

from core.architectures.families.smp.encoder_names import TABLE, checksum
from core.architectures.families.smp.smp_encoders import TIMM, VITS, _shapes


def main() -> None:
    """Build each encoder without numbers, and write what its tensors are called."""
    from segmentation_models_pytorch.encoders import encoders

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    rows = {}
    for name in (*encoders, *(f"tu-{name}" for name in (*TIMM, *VITS))):
        names = list(_shapes(name))
        rows[name] = [names[0], len(names), checksum(names)]
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    TABLE.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
