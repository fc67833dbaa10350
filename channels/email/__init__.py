"""Mail: one mailbox of ours, read over IMAP, answered over SMTP.

`channel` assembles the rest; `settings` what an operator can set; `mailbox` IMAP as a thread sees it, `receiving` from
there to the database; `inbound` what a mail means and where it belongs, `names` those that we have signed, `trust`
whether its sender is who they say; `composing` and `sending` the way out, `tokens` OAuth2; `check` and `dns` what to
mend. What a mail says is read elsewhere, in a child process: `channels.mail`.
"""
