"""Slack, over its own SDK (slack-bolt).

`channel` assembles the rest; `settings` what an operator can set; `api` requests, and what is wrong with an answer;
`socket` Socket Mode's connections; `door` HTTP events and their signatures; `reader` one thing that Slack tells;
`inbound` what it means; `text` Slack's own markup; `people` whose words they are; `files` what customers attach;
`catchup` and `marks` what was missed, and how far we have read; `outbound` and `render` what we say; `checks` what to
mend; `window` the team's channel in which the desk stands.
"""
