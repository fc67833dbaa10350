"""What can go wrong while computing with models, as one tree.

    ModelError                   the root: what happened, to which thing, what to do next
    ├── WeightsUnavailable       a checkpoint could be fetched from nowhere
    ├── WeightsMismatch          files arrived, but they are not the ones that were asked for
    ├── UnsupportedCheckpoint    a checkpoint of a family that our graph cannot express
    ├── HomeUnusable             the folder for our files cannot be written: full, read-only, no folder
    ├── ArtefactDamaged          a file that we wrote is not what we wrote
    ├── RuntimeUnsound           the runtime gives wrong vectors on this processor, in every way that was allowed
    └── EncoderMismatch          vectors of one encoder met a head that was fitted on another's

Every message is written for the person at the terminal.
"""


class ModelError(Exception):
    """Root of everything that `models` raises on purpose.

    `what` happened, `where` (a path, an address or a name), and what to `do` about it; `str()` joins the three.
    """

    def __init__(self, what: str, *, where: object, do: str) -> None:
        self.what = what
        self.where = str(where)
        self.do = do
        super().__init__(f"{what} ({self.where}). {do}")


class WeightsUnavailable(ModelError):
    """No source gave the checkpoint: no network, no such package, no such folder."""


class WeightsMismatch(ModelError):
    """The files have another sha256 than expected or recorded, or are not readable as a checkpoint."""


class UnsupportedCheckpoint(ModelError):
    """The checkpoint is readable, but is no BERT with absolute positions and exact GELU."""


class HomeUnusable(ModelError):
    """The operating system refused to write where the encoder's files belong."""


class ArtefactDamaged(ModelError):
    """A file that we wrote fails its own checksum, has another format version, or is no such file at all."""


class RuntimeUnsound(ModelError):
    """Known texts got other vectors than they should, or the runtime refused the graph."""


class EncoderMismatch(ModelError):
    """Vectors with unequal identities were about to be mixed."""
