"""The web: customers write over HTTP and read our own table.

`channel` the routes and the reading; `checks` what a request must be; `files` what customers attach; `shown` what of a
message customers see.
"""
