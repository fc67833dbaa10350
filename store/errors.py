"""What can go wrong with memory.

StoreError
├── HomeInUse         another process holds this home folder
├── HomeUnusable      the home folder cannot be written
├── ValkeyFailed      the embedded Valkey server does not start
├── RedisSetting      the Redis address makes no sense
├── DatabaseSetting   the database address makes no sense
├── DatabaseNewer     a newer program has migrated this database
├── DatabaseAway      the database does not answer, or cannot write
├── TablesDiffer      its tables are not those of this program
├── LeaseGone         somebody else holds the lease now
└── LineMoved         others change the line of waiting cases faster than it can be looked at
"""

from __future__ import annotations


class StoreError(Exception):
    """The text says what happened, to which thing, and what to do."""


class HomeInUse(StoreError):
    pass


class HomeUnusable(StoreError):
    pass


class ValkeyFailed(StoreError):
    pass


class RedisSetting(StoreError):
    pass


class DatabaseSetting(StoreError):
    pass


class DatabaseNewer(StoreError):
    pass


class DatabaseAway(StoreError):
    pass


class TablesDiffer(StoreError):
    pass


class LeaseGone(StoreError):
    pass


class LineMoved(StoreError):
    pass
