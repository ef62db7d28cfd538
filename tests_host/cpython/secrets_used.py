"""The keys that tests make: noted, so that the search after the run finds where one got out."""

from tools.keysearch.notes import used

__all__ = ["used"]
