"""People: cases and their deadlines, the queue, promises, notifications, and every word a customer reads.

May import: `store`, `channels.contract`, `channels.richtext`. Knows no HTTP and no classifier.
"""
