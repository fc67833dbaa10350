"""The history of the tables, one file a step; applied at start by `store.migrate`."""
