"""A trial counts only if nobody wrote the files that it used while it ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from ml_experiment.drive.beside import Judged, SideBySide
from ml_experiment.executors.base import Broken
from ml_experiment.record.file_use import FileUse
from ml_experiment.search.messages import TrialResult


if TYPE_CHECKING:
    from collections.abc import Iterable


def _result(number: int, *used: str, **fields: Any) -> TrialResult:
    given: dict[str, Any] = {
        "state": "complete",
        "files": FileUse(used=frozenset(used)),
    }
    return TrialResult(number=number, **given | fields)


def _told(judged: Iterable[Judged]) -> list[tuple[int, str | None]]:
    return [(each.ended.number, each.clash) for each in judged]


def _begin(watch: SideBySide, *numbers: int) -> None:
    for number in numbers:
        watch.begin(number)


def test_trials_that_use_no_files_count_at_once() -> None:
    """Most trials leave nothing, and wait for nobody."""
    watch = SideBySide(2)
    _begin(watch, 0, 1)

    assert _told(watch.end(_result(1))) == [(1, None)]
    assert _told(watch.end(_result(0))) == [(0, None)]
    assert not watch.alone


def test_a_trial_that_used_a_file_waits_for_those_beside_it() -> None:
    """They may have used it as well, which shows when they end."""
    watch = SideBySide(2)
    _begin(watch, 0, 1)

    assert watch.end(_result(0, "model-0")) == []
    assert _told(watch.end(_result(1, "model-1"))) == [(0, None), (1, None)]
    assert watch.may_begin
    assert watch.news() == []


def test_trials_that_use_one_file_at_the_same_time_do_not_count() -> None:
    """Each may have kept what the other wrote."""
    watch = SideBySide(2)
    _begin(watch, 0, 1)
    watch.end(_result(0, "model"))

    judged = watch.end(_result(1, "model"))

    assert _told(judged) == [(0, "model"), (1, "model")]
    assert [each.others for each in judged] == [(1,), (0,)]
    assert watch.news() == ["model"]
    assert watch.news() == []


def test_trials_that_use_one_file_run_one_at_a_time() -> None:
    """Those that did not count, and all that follow."""
    watch = SideBySide(2)
    _begin(watch, 0, 1)
    watch.end(_result(0, "model"))
    watch.end(_result(1, "model"))

    for number in (0, 1, 2):
        free = [watch.may_begin]
        watch.begin(number)
        free.append(watch.may_begin)
        assert free == [True, False]
        assert _told(watch.end(_result(number, "model"))) == [(number, None)]


def test_a_name_that_comes_again_is_known_before_anything_is_spoilt() -> None:
    """Also when it came twice by turns."""
    watch = SideBySide(2)
    watch.begin(0)
    watch.end(_result(0, "model"))
    watch.begin(1)
    watch.end(_result(1, "model"))

    assert watch.news() == ["model"]
    watch.begin(2)
    assert not watch.may_begin


def test_with_one_slot_nothing_is_said() -> None:
    """They run one at a time anyway."""
    watch = SideBySide(1)
    for number in range(3):
        watch.begin(number)
        assert _told(watch.end(_result(number, "model"))) == [(number, None)]

    assert watch.news() == []


def test_a_file_that_another_trial_writes_spoils_the_reader_alone() -> None:
    """The writer has not looked at it again."""
    watch = SideBySide(2)
    _begin(watch, 0, 1)
    watch.end(_result(0, files=FileUse(made=frozenset({"table"}))))

    assert _told(watch.end(_result(1, "table"))) == [(1, "table")]


def test_what_a_trial_wrote_that_did_not_come_to_its_end_is_not_known() -> None:
    """It may have written what others are known to share."""
    for end in (
        Broken(number=1, reason="killed (SIGKILL)"),
        _result(1, state="failed", cause="crash"),
        _result(1, state="pruned"),
    ):
        watch = SideBySide(3)
        watch.begin(5)
        watch.end(_result(5, "model"))
        _begin(watch, 0, 1)
        watch.end(end)

        assert (0, "model") in _told(watch.end(_result(0, "model")))


def test_a_file_that_is_only_written_once_lets_trials_run_together_again() -> None:
    """The first trials fill a cache at the same time; all others read it."""
    watch = SideBySide(2)
    _begin(watch, 0, 1)
    watch.end(_result(0, "cache"))
    watch.end(_result(1, "cache"))

    for number in (0, 1):
        assert watch.may_begin
        watch.begin(number)
        watch.end(_result(number))

    assert not watch.alone


def test_a_trial_that_failed_says_nothing_about_what_others_share() -> None:
    """It may not have come to where it would have used it."""
    watch = SideBySide(2)
    for number in (0, 1):
        watch.begin(number)
        watch.end(_result(number, "model"))
    watch.begin(2)
    watch.end(_result(2, state="failed"))

    assert watch.alone


def test_a_trial_that_failed_over_a_file_of_others_does_not_count() -> None:
    """It was not there yet, or there already: another one was at work on it."""
    watch = SideBySide(2)
    _begin(watch, 0, 1)
    files = FileUse(sought=frozenset({"/out"}))

    assert watch.end(_result(0, state="failed", cause="exception", files=files)) == []
    made = FileUse(made=frozenset({"/out/model"}))
    assert _told(watch.end(_result(1, files=made))) == [(0, "/out"), (1, None)]


def test_a_trial_that_crashed_beside_others_that_share_a_file_does_not_count() -> None:
    """It cannot say what it used; the file may have been cut off under its feet."""
    watch = SideBySide(3)
    _begin(watch, 0, 1, 2)

    assert watch.end(_result(0, state="failed", cause="crash")) == []
    watch.end(_result(1, "buffer"))
    judged = watch.end(_result(2, "buffer"))

    assert _told(judged) == [(number, "buffer") for number in (0, 1, 2)]


def test_a_trial_that_failed_before_it_read_what_it_wrote_does_not_count() -> None:
    """Others read it back, so it was about to do that as well."""
    watch = SideBySide(2)
    _begin(watch, 0, 1)
    files = FileUse(made=frozenset({"table"}))
    watch.end(_result(0, state="failed", cause="exception", files=files))

    assert _told(watch.end(_result(1, "table"))) == [(0, "table"), (1, "table")]


def test_a_trial_that_fails_by_itself_counts() -> None:
    """Others beside it use files of their own, or none."""
    watch = SideBySide(2)
    _begin(watch, 0, 1)
    files = FileUse(made=frozenset({"plot"}))
    watch.end(_result(0, state="failed", cause="exception", files=files))

    told = _told(watch.end(_result(1, "model-1", files=files)))

    assert told == [(0, None), (1, None)]


def test_a_folder_and_what_lies_in_it_are_one() -> None:
    """A trial that empties a folder spoils what others have in it, and the other way."""
    for mine, theirs in (("/out", "/out/a/b"), ("/out/a", "/out")):
        watch = SideBySide(2)
        _begin(watch, 0, 1)
        watch.end(_result(0, mine))

        others = FileUse(made=frozenset({theirs}))
        assert _told(watch.end(_result(1, files=others)))[0] == (0, mine)


def test_names_that_differ_by_the_number_need_not_wait() -> None:
    """A trial that takes long keeps nobody back who plainly uses files of his own."""
    watch = SideBySide(3)
    _begin(watch, 0, 1)
    assert watch.end(_result(1, "/w/model-1")) == []
    watch.begin(2)

    told = _told(watch.end(_result(2, "/w/model-2")))

    assert told == [(1, None), (2, None)]
    watch.begin(3)
    assert _told(watch.end(_result(3, "/w/other-3"))) == []  # another pattern
    watch.begin(12)
    assert _told(watch.end(_result(12, "/w/model-12"))) == [(12, None)]


def test_a_number_that_happens_to_be_the_trials_is_no_name_of_its_own() -> None:
    """Trial 2 saves to ``model-v2``, as all others do."""
    watch = SideBySide(3)
    _begin(watch, 2, 3, 4)

    assert watch.end(_result(2, "/w/model-v2")) == []
    assert watch.end(_result(3, "/w/model-v2")) == []
    told = _told(watch.end(_result(4, "/w/model-v2")))

    assert told == [(number, "/w/model-v2") for number in (2, 3, 4)]


def test_what_was_shared_before_an_interruption_is_known() -> None:
    """A group that is resumed need not find it out again."""
    watch = SideBySide(2, shared=["model"])
    watch.begin(0)

    assert not watch.may_begin
    assert _told(watch.end(_result(0, "model"))) == [(0, None)]
    assert watch.alone
    assert watch.news() == []


def test_trials_are_not_let_together_again_and_again() -> None:
    """A file that only some of the trials use would spoil others each time."""
    watch = SideBySide(2)
    again = 0
    for number in range(0, 20, 2):
        if watch.alone:
            continue
        again += 1
        _begin(watch, number, number + 1)
        watch.end(_result(number, "model"))
        watch.end(_result(number + 1, "model"))
        for each in (number, number + 1):
            watch.begin(each)
            watch.end(_result(each))

    assert again == 3
    assert watch.alone


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["", "a", "b"])), max_size=40),
    st.integers(2, 4),
)
def test_no_two_trials_that_count_used_one_file_at_the_same_time(
    moves: list[tuple[bool, str]], slots: int
) -> None:
    """Whatever the order of beginnings and ends; and each trial counts in the end."""
    watch = SideBySide(slots)
    clock, began, ended = 0, dict[int, int](), dict[int, int]()
    files = {number: name for number, (_, name) in enumerate(moves)}
    waiting, running, counted = list(files), list[int](), dict[int, tuple[int, int]]()

    def end(number: int) -> None:
        running.remove(number)
        ended[number] = clock
        used = [files[number]] if files[number] else []
        for each in watch.end(_result(number, *used)):
            one = each.ended.number
            if each.clash is None:
                counted[one] = began[one], ended[one]
            else:
                waiting.insert(0, one)

    for first, _ in [*moves, *[(True, "")] * 4 * len(moves)]:
        clock += 1
        if waiting and len(running) < slots and watch.may_begin:
            began[waiting[0]] = clock
            running.append(waiting.pop(0))
            watch.begin(running[-1])
        elif running:
            end(running[0 if first else -1])
    for number in list(running):
        end(number)

    assert counted.keys() == files.keys()
    for one, (start, stop) in counted.items():
        for other, (begin, finish) in counted.items():
            if one < other and files[one] and files[one] == files[other]:
                assert stop < begin or finish < start
