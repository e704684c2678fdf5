"""Locks that are dropped when their last holder is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from ml_experiment.record.locks import hold, hold_open, is_free_within, is_held


if TYPE_CHECKING:
    from pathlib import Path


def test_a_lock_is_its_childs_until_the_child_is_gone(tmp_path: Path) -> None:
    """It needs no moment in which nobody holds it, and no clock."""
    path = tmp_path / "a.lock"
    descriptor = hold_open(path, 0)
    assert descriptor is not None
    with subprocess.Popen(
        [sys.executable, "-c", "input()"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[descriptor],
    ) as child:
        os.close(descriptor)
        held = is_held(path)
        free = is_free_within(path, 0.05)
        child.kill()

    assert held
    assert not free
    assert is_free_within(path, 10)


def test_a_lock_that_another_holds_is_not_given_to_a_child(tmp_path: Path) -> None:
    """Until it is released."""
    path = tmp_path / "a.lock"
    other = hold(path)
    assert other is not None

    assert hold_open(path, 0.05) is None
    other.release()
    descriptor = hold_open(path, 0.05)

    assert descriptor is not None
    os.close(descriptor)


def test_a_lock_that_nobody_ever_took_is_free(tmp_path: Path) -> None:
    """And asking makes no file."""
    assert is_free_within(tmp_path / "a.lock", 0)
    assert list(tmp_path.iterdir()) == []
