"""Seeds from seeds: every random number of a run goes back to the run's one seed.

The rule is part of the record's meaning and stays as it is for ever: a run recorded today
must be repeatable by every later version.

    text   = the seed in decimal, then each name, each as "<length in bytes>:<UTF-8>"
    value  = BLAKE2b(text, digest size = bits / 8, personalisation "ml-experiment"),
             read as a big-endian integer
"""

from __future__ import annotations

import hashlib


_PERSON = b"ml-experiment"
SEED_BITS = 32


def derive_bits(seed: int, *names: str | int, bits: int) -> int:
    """Return ``bits`` bits that depend on ``seed`` and ``names``, and on nothing else.

    Args:
        seed: Any integer.
        names: What the value is for; their order and their borders matter.
        bits: How many; a multiple of 8, at most 512.
    """
    parts = (str(part).encode("utf-8", "surrogatepass") for part in (seed, *names))
    text = b"".join(b"%d:%s" % (len(part), part) for part in parts)
    digest = hashlib.blake2b(text, digest_size=bits // 8, person=_PERSON).digest()
    return int.from_bytes(digest, "big")


def derive_seed(seed: int, *names: str | int) -> int:
    """Return a seed from 0 to 4294967295: a number that every library takes as a seed.

    Args:
        seed: The seed it is derived from.
        names: What it is for: ``derive_seed(7, "trial", 3)``.

    Example:
        >>> derive_seed(7, "numpy") == derive_seed(7, "numpy")
        True
    """
    return derive_bits(seed, *names, bits=SEED_BITS)
