"""Many pictures under a few settings: which of them leave which picture black.

    entries -> decoded beside the forward -> rows of each picture -> a table on the disk -> totals

`plan.py` says what is computed, `rows.py` what comes of it, `table.py` keeps it so that a process
that is killed loses no finished picture. `local.py` computes here, `ray_engine.py` on a cluster;
both are generators of `Progress`, so that a page, a command and a test drive them alike. None of
what this module offers loads torch; the two engines do.
"""

from core.sweep.finished import read_rows
from core.sweep.plan import MOST_SETTINGS, Named, Plan
from core.sweep.progress import Progress
from core.sweep.rows import DONE, FAILED, Row
from core.sweep.table import Table
from core.sweep.totals import Totals, totals

__all__ = [
    "DONE",
    "FAILED",
    "MOST_SETTINGS",
    "Named",
    "Plan",
    "Progress",
    "Row",
    "Table",
    "Totals",
    "read_rows",
    "totals",
]
