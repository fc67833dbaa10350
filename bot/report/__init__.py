"""What `warmline intents evaluate` found: as JSON (`figures`), and as one HTML page (`page`) with `pictures`.

Takes values of `intents` and returns values; reads and writes no file but its own template and colours.
"""
