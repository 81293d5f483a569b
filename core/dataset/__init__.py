"""Many pictures as one data set: where they lie, which mask belongs to which, what is odd.

    source -> files by name -> layout and pairing -> DataSet -> findings, per file and on the set

`open_set` is the door, `look_at_set` reads every file, and `truth_of` is the one place where a
mask's bytes become ids.
"""

from core.dataset.entry import DataSet, Entry, FileRef, Truths
from core.dataset.files.kept import KeptFile
from core.dataset.finding import DataFinding
from core.dataset.hosting import choices, hosted
from core.dataset.look.look import Look, look_at_set
from core.dataset.opening import Changes, Found, open_set, repair
from core.dataset.pairing import Pair, Pairing
from core.dataset.rule import Rule
from core.dataset.sources import Address, Archive, Folder, Given, Source, source_at, uploaded
from core.dataset.truth import truth_of

__all__ = [
    "Address",
    "Archive",
    "Changes",
    "DataFinding",
    "DataSet",
    "Entry",
    "FileRef",
    "Folder",
    "Found",
    "Given",
    "KeptFile",
    "Look",
    "Pair",
    "Pairing",
    "Rule",
    "Source",
    "Truths",
    "choices",
    "hosted",
    "look_at_set",
    "open_set",
    "repair",
    "source_at",
    "truth_of",
    "uploaded",
]
