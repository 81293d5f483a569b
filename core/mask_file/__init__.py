"""Only a mask: what a written mask's file shows, without any network.

    bytes -> Stored (exact values) -> Facts, findings -> the ids it holds, drawn

`inspect_mask` is the door; `checks/` has one small function for each kind of file that common code
writes, `kinds/` their texts as data.
"""

from core.mask_file.finding import Finding
from core.mask_file.inspect import MaskReport, inspect_mask
from core.mask_file.kinds import KINDS, Kind

__all__ = ["KINDS", "Finding", "Kind", "MaskReport", "inspect_mask"]
