"""What the processor can do with small integers.

int8 vectors differ between these classes, so identities name them. Without the dot-product instructions the runtime
adds pairs of products in 16 bits, which overflow where both are near their limit: there matrices use one bit less.
"""

import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Processor:
    """name: for instance "x86_64-avx512vnni". int8_levels: the largest integer that a matrix may hold, 127 or 63."""

    name: str
    int8_levels: int


# The first flag that a processor has names its class: (flag in /proc/cpuinfo, name, int8 levels).
_CLASSES = (
    ("amx_int8", "amx", 127),
    ("avx512_vnni", "avx512vnni", 127),
    ("avx_vnni", "avxvnni", 127),
    ("avx512bw", "avx512", 63),
    ("avx2", "avx2", 63),
    ("i8mm", "i8mm", 127),
    ("asimddp", "dotprod", 127),
)


def this_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor:
    """The class of the processor that runs us; a cautious one where its flags cannot be read."""
    flags, machine = _flags(cpuinfo), platform.machine()
    for flag, name, levels in _CLASSES:
        if flag in flags:
            return Processor(name=f"{machine}-{name}", int8_levels=levels)
    return Processor(name=machine, int8_levels=63)


def _flags(cpuinfo: Path) -> frozenset[str]:
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    stated = (line.partition(":")[2] for line in lines if line.lower().startswith(("flags", "features")))
    return frozenset(next(stated, "").split())
