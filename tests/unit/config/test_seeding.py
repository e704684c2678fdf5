"""Seeds from seeds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_experiment.config.seeding import derive_bits, derive_seed


names = st.lists(st.text() | st.integers(), max_size=4)


@pytest.mark.parametrize(
    ("seed", "path", "expected"),
    [
        (0, (), 1674384995),
        (1, ("numpy",), 2598255889),
        (7, ("trial", 3), 1436223435),
        (2**32 - 1, ("é", ""), 2831664407),
    ],
)
def test_derived_seeds_never_change(
    seed: int, path: tuple[str | int, ...], expected: int
) -> None:
    """A record made by any version means the same numbers in all later ones."""
    assert derive_seed(seed, *path) == expected


@given(st.integers(), names)
def test_a_derived_seed_is_one_for_every_library(
    seed: int, path: list[str | int]
) -> None:
    """It is from 0 to 2**32 - 1, and the same each time."""
    assert 0 <= derive_seed(seed, *path) < 2**32
    assert derive_seed(seed, *path) == derive_seed(seed, *path)


def test_borders_between_names_count() -> None:
    """Names that only join to the same text give different seeds."""
    values = {
        derive_seed(1, "ab", "c"),
        derive_seed(1, "a", "bc"),
        derive_seed(1, "abc"),
        derive_seed(1, "abc", ""),
        derive_seed(1, "1:a"),
        derive_seed(11, "a"),
    }

    assert len(values) == 6


@pytest.mark.parametrize("bits", [8, 96, 512])
def test_bits_are_as_many_as_were_asked_for(bits: int) -> None:
    """The number of bits is kept, and is used."""
    values = [derive_bits(1, number, bits=bits) for number in range(100)]

    assert max(values).bit_length() in {bits, bits - 1}
