"""Understands what a customer wrote: catalogue, training, verdict, wires, gate, evaluation.

Knows no HTTP, no customer and no case: text in, `Verdict` out. May import `models`, `channels.contract` and `store`.
The journey of a text: `sentences` cut it, `models.encoder` turns the pieces into vectors, `models.head` gives each
intent a probability, `wires` find the words that no probability may outvote, `language` says whether we can read it
at all, `gate` decides whether a machine may act alone, `verdict` carries all of that.
"""
