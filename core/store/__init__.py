"""What outlives a session: files by their SHA-256, and a database that says which are whole.

    stream -> spooled file (fsync) -> blob under its digest (rename) -> row (commit) -> answer

A file without a row does not exist for anybody, so that nothing half written is ever seen.
"""

from core.store.check import Report, check, mend
from core.store.place import data_folder, open_store
from core.store.store import Store

__all__ = ["Report", "Store", "check", "data_folder", "mend", "open_store"]
