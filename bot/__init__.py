"""Decides and assembles: the journey of a message, the policy, answers, the clock, settings, the command line, HTTP.

May import everything of ours; nothing of ours imports it. `bot.app` is the only place that wires things together.
"""

import os

# Our matrices are small and our threads our own: a BLAS that starts threads for each product only makes them wait, and
# may add in another order. It reads this once, when numpy is first imported, so it must stand before everything else.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
