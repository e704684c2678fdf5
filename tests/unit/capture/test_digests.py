"""Digests are right, cached when that is safe, and had without a cache, too."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from ml_experiment.capture.digests import DigestCache, default_cache_path, sha256_of


if TYPE_CHECKING:
    from pathlib import Path

_OLD_NS = 1_600_000_000_000_000_000


def _old_file(folder: Path, content: bytes = b"data") -> Path:
    path = folder / "data.bin"
    path.write_bytes(content)
    os.utime(path, ns=(_OLD_NS, _OLD_NS))
    return path


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    """It agrees with hashlib's."""
    path = _old_file(tmp_path)

    assert sha256_of(path) == hashlib.sha256(b"data").hexdigest()


def test_an_unchanged_file_is_not_read_twice(tmp_path: Path) -> None:
    """A second process takes the digest from the cache: a tampered one proves it."""
    path, store = _old_file(tmp_path), tmp_path / "cache" / "digests.sqlite"
    first = DigestCache(store)
    first.digest(path)
    first.close()
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE digests SET sha256 = 'from the cache'")
    connection.close()

    second = DigestCache(store)
    digest = second.digest(path)
    second.close()

    assert digest == "from the cache"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Another size or time makes another state."""
    path = _old_file(tmp_path)
    cache = DigestCache(tmp_path / "digests.sqlite")
    before = cache.digest(path)

    path.write_bytes(b"atad")
    os.utime(path, ns=(_OLD_NS, _OLD_NS + 1))
    after = cache.digest(path)
    cache.close()

    assert before != after
    assert after == hashlib.sha256(b"atad").hexdigest()


def test_a_file_changed_a_moment_ago_is_not_cached(tmp_path: Path) -> None:
    """It could change again within the same tick of the clock."""
    path, store = tmp_path / "young.bin", tmp_path / "digests.sqlite"
    path.write_bytes(b"one")
    times = path.stat()
    cache = DigestCache(store)
    cache.digest(path)

    path.write_bytes(b"two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    digest = cache.digest(path)
    cache.close()

    assert digest == hashlib.sha256(b"two").hexdigest()


def test_a_broken_cache_is_replaced(tmp_path: Path) -> None:
    """A file that is no database does no harm and is a cache afterwards."""
    path, store = _old_file(tmp_path), tmp_path / "digests.sqlite"
    store.write_bytes(b"this is not a database" * 100)

    cache = DigestCache(store)
    digest = cache.digest(path)
    cache.close()

    assert digest == hashlib.sha256(b"data").hexdigest()
    assert store.read_bytes().startswith(b"SQLite format 3")


def test_a_locked_cache_is_done_without(tmp_path: Path) -> None:
    """Somebody else's long transaction does not hold up a run."""
    path, store = _old_file(tmp_path), tmp_path / "digests.sqlite"
    other = sqlite3.connect(store, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    cache = DigestCache(store)
    digest = cache.digest(path)
    cache.close()
    other.close()

    assert digest == hashlib.sha256(b"data").hexdigest()


def test_a_cache_that_gets_locked_is_given_up(tmp_path: Path) -> None:
    """It is waited for once, not once a file."""
    path, store = _old_file(tmp_path), tmp_path / "digests.sqlite"
    cache = DigestCache(store)
    cache.digest(path)
    other = sqlite3.connect(store, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    begin = time.monotonic()
    digests = {cache.digest(path) for _ in range(50)}
    spent = time.monotonic() - begin
    cache.close()
    other.close()

    assert digests == {hashlib.sha256(b"data").hexdigest()}
    assert spent < 5


def test_no_cache_can_be_made_and_the_digest_is_had(tmp_path: Path) -> None:
    """The folder of the cache is a file: nothing can be stored."""
    path = _old_file(tmp_path)
    (tmp_path / "file").write_text("in the way")

    cache = DigestCache(tmp_path / "file" / "digests.sqlite")

    assert cache.digest(path) == hashlib.sha256(b"data").hexdigest()


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """The caller decides what that means."""
    with pytest.raises(FileNotFoundError):
        DigestCache(None).digest(tmp_path / "gone")


def test_the_cache_lies_where_the_user_keeps_caches(tmp_path: Path) -> None:
    """``XDG_CACHE_HOME`` is heeded if it is absolute, as its specification says."""
    place = default_cache_path({"XDG_CACHE_HOME": str(tmp_path)})
    other = default_cache_path({"XDG_CACHE_HOME": "relative"})

    assert place == tmp_path / "ml-experiment" / "digests.sqlite"
    assert other.parts[-3:] == (".cache", "ml-experiment", "digests.sqlite")
