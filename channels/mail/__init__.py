"""Reads mail: one job, and nothing else is imported than the standard library, so that a child process starts at once.

What sends and fetches mail lives elsewhere. Begin with `reading.py` (the child process), then `parser.py`.
"""
