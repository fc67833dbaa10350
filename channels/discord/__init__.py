"""Discord: direct messages, mentions, threads and forum posts, over the gateway and REST.

`channel` assembles the rest; `settings` what an operator can set; `gateway` the connection, on discord.py; `reader` the
lease, and what keeps the connection; `lanes` what comes, in its order, to the database; `missed` what was missed;
`progress` how far we have read; `inbound` what payloads mean; `places` what we know of servers and channels; `files`
those that customers send; `rest` requests, and what is wrong with an answer; `markdown` our rich text as Discord shows
it; `checks` what to mend.
"""
