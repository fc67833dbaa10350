"""The team's chat as the desk's window: one worker for each, behind a lease.

What people did is kept as rows before their platform hears a yes (`keeping`). The worker (`attendant`) takes these in
their order and does what they say at the desk (`deeds`, `colleagues`), tells cases as cards and their news as lines
under them (`posts`), and lets go what was sent on purpose (`sends`). Nothing that is written in a thread leaves to a
customer: only `sends.send_reply` does that, of what somebody has pointed at, was shown word for word, and confirmed.
"""
