"""Carries messages between a platform and the house: one contract, one folder per platform.

May import: `channels.contract`, `channels.richtext` and the platform's own SDK. An adapter never imports
another adapter, the store or the bot; it is reached only through `channels.registry`.
"""
