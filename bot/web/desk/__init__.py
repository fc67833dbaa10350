"""The agents' console at /desk: pages for people who answer. The frame around them is here; each page is one file.

May import everything that `bot.web` may; nothing outside of `bot.app` imports it.
"""
