"""Many pictures as one data set: where they lie, which mask belongs to which, what is odd.

    source -> files by name -> layout and pairing -> DataSet -> findings, per file and on the set

`open_set` is the door; `truth_of` is the one place where a mask's bytes become ids.
"""

from core.dataset.entry import DataSet, Entry, FileRef, Truths
from core.dataset.finding import DataFinding
from core.dataset.opening import Changes, Found, open_set, repair
from core.dataset.pairing import Pair, Pairing
from core.dataset.rule import Rule
from core.dataset.sources import Archive, Folder, Source, source_at
from core.dataset.truth import truth_of

__all__ = [
    "Archive",
    "Changes",
    "DataFinding",
    "DataSet",
    "Entry",
    "FileRef",
    "Folder",
    "Found",
    "Pair",
    "Pairing",
    "Rule",
    "Source",
    "Truths",
    "open_set",
    "repair",
    "source_at",
    "truth_of",
]
