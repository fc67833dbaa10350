"""Remembers: the SQL tables, their migrations and every query; and the Redis bus that only moves hints.

May import: SQLAlchemy, Alembic, redis-py. Imports nothing of ours. All SQL of the project lives here; functions take
an open connection, never commit, and return frozen values. `Database.write` opens the one transaction of a unit of
work, at the edge.
"""
