"""Telegram: one bot, through python-telegram-bot's `Bot` and nothing above it.

`channel` assembles the rest; `settings` what an operator can set; `api` requests, and what is wrong with an answer;
`polling` or `webhook` the way in, `intake` from there to the database; `updates` and `content` what an update means;
`memory` what of its places must be remembered; `files` what customers attach; `rendering` and `sending` the way out;
`check` what to mend.
"""
