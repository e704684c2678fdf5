"""See how the user's code splits its data, with scikit-learn's functions.

Each split becomes an event ``split``:

========== ==========================================================================
call       ``train_test_split``, ``KFold.split``, ...
options    what decides on the split, as text: ``test_size``, ``random_state``, ...
where      ``file:line`` of the user's code
via        the function of scikit-learn that split for the user (``cross_val_score``)
sizes      rows of each part; for folds, ``[train, test]`` of each
parts      kind, size and digest of each part; for folds, the digest of the row numbers
complete   for folds: whether the user's code took all of them
========== ==========================================================================

The calls do what they always do: same results, same exceptions, lazily where they were.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ml_experiment.capture.callsite import Site, caller, module_of, site_of
from ml_experiment.capture.fingerprints import fingerprint, size_of
from ml_experiment.capture.when_imported import when_imported


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType, ModuleType

_LIMIT = 200
_FOLDS = 100
_BETWEEN = frozenset({"sklearn", "joblib", "ml_experiment"})
_SHOWN = 200


class SplitWatch:
    """Reports each split once a run, and at most ``_LIMIT`` of them.

    Args:
        report: ``report("split", **fields)``.
    """

    def __init__(self, report: Callable[..., object]) -> None:
        self._report = report
        self._reported = 0
        self._sites: set[tuple[str, Site]] = set()
        self._local = threading.local()

    def install(self) -> None:
        """Watch from now on, once a process."""
        when_imported("sklearn.model_selection", self.hook)

    def renew(self) -> None:
        """A new run begins: report again what was reported in an earlier one."""
        self._reported = 0
        self._sites = set()

    def hook(self, module: ModuleType) -> None:
        """Observe the functions of ``sklearn.model_selection``."""
        splitters: Any = sys.modules.get("sklearn.model_selection._split", module)
        self._hook_function(splitters, "train_test_split")
        for cls in list(vars(splitters).values()):
            if isinstance(cls, type) and "split" in vars(cls):
                self._hook_method(cls)

    def _hook_function(self, home: Any, name: str) -> None:
        original = getattr(home, name)

        @functools.wraps(original)
        def train_test_split(*arrays: Any, **options: Any) -> Any:
            if self._inside:
                return original(*arrays, **options)
            with self._split():
                result = original(*arrays, **options)
            frame = caller()
            with contextlib.suppress(Exception):  # the user's call must go on
                self._function_called(name, options, result, frame)
            return result

        _replace_everywhere(original, train_test_split)

    def _hook_method(self, cls: Any) -> None:
        original = cls.split

        @functools.wraps(original)
        def split(this: Any, *args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return original(this, *args, **kwargs)
            with self._split():
                folds = original(this, *args, **kwargs)
            return self._observed(folds, this, _site(caller()))

        cls.split = split

    @property
    def _inside(self) -> bool:
        """Whether a split that is being observed makes another one for itself."""
        return bool(getattr(self._local, "inside", False))

    @contextmanager
    def _split(self) -> Iterator[None]:
        self._local.inside = True
        try:
            yield
        finally:
            self._local.inside = False

    def _observed(
        self, folds: Iterable[Any], splitter: Any, site: Site
    ) -> Iterator[Any]:
        seen: list[Any] = []
        complete = False
        iterator = iter(folds)
        try:
            while True:
                with self._split():
                    fold = next(iterator, _END)
                if fold is _END:
                    complete = True
                    return
                if len(seen) < _FOLDS:
                    seen.append(fold)
                yield fold
        finally:
            with contextlib.suppress(Exception):
                self._folds_taken(splitter, seen, site, complete=complete)

    def _function_called(
        self, name: str, options: Any, result: Any, frame: FrameType | None
    ) -> None:
        stratify = options.get("stratify")
        shown = {
            key: _shown(value) for key, value in options.items() if key != "stratify"
        }
        shown["stratify"] = "no" if stratify is None else "yes"
        site = _site(frame)
        if self._is_new(name, site):
            self._report(
                "split",
                call=name,
                options=shown,
                where=site.where,
                via=site.via,
                sizes=[size_of(part) for part in result],
                parts=[fingerprint(part) for part in result],
            )

    def _folds_taken(
        self, splitter: Any, folds: list[Any], site: Site, *, complete: bool
    ) -> None:
        call = f"{type(splitter).__name__}.split"
        if not folds or not self._is_new(call, site):
            return
        digests = [_digest_of_rows(fold) for fold in folds]
        self._report(
            "split",
            call=call,
            options={key: _shown(value) for key, value in vars(splitter).items()},
            where=site.where,
            via=site.via,
            sizes=[[size_of(part) for part in fold] for fold in folds],
            parts=[{"digest": digest} for digest in digests],
            complete=complete,
        )

    def _is_new(self, call: str, site: Site) -> bool:
        """Whether this split is to be reported; those inside scikit-learn once a place."""
        if site.via is not None:
            if (call, site) in self._sites:
                return False
            self._sites.add((call, site))
        self._reported += 1
        return self._reported <= _LIMIT


def _replace_everywhere(original: object, replacement: object) -> None:
    """Put another function where a function's name is, in every module.

    The user's script may have imported it by its name before it imported us.
    """
    for module in list(sys.modules.values()):
        try:  # not by ``getattr``, at which a lazy module would load itself
            names: dict[str, object] = object.__getattribute__(module, "__dict__")
        except AttributeError:
            continue  # anything may be put among the modules
        for name, value in list(names.items()):
            if value is original:
                names[name] = replacement


def _site(frame: FrameType | None) -> Site:
    """Return the user's line, and the function of scikit-learn that it called."""
    via = None
    walked = frame
    while walked is not None and module_of(walked).partition(".")[0] in _BETWEEN:
        name = walked.f_code.co_qualname
        # Not the wrappers of its decorators.
        if module_of(walked).startswith("sklearn.") and "<locals>" not in name:
            via = name
        walked = walked.f_back
    return Site(site_of(walked).where, via)


class _End:
    """No fold is left."""


_END = _End()


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _digest_of_rows(fold: Any) -> str:
    state = hashlib.blake2b(digest_size=16)
    for rows in fold:
        little = rows.astype("<i8") if rows.dtype.kind in "iu" else rows
        state.update(b"%d:" % little.nbytes)
        state.update(little.tobytes())
    return state.hexdigest()
