"""Decides and assembles: the journey of a message, the policy, answers, the clock, settings, the command line, HTTP.

May import everything of ours; nothing of ours imports it. `bot.app` is the only place that wires things together.
"""
