"""A crate that means harm, or is no longer what it was, is refused before it is written."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.crates import (
    Forged,
    everything_below,
    experiment,
    group,
    sha256,
    source_archive,
)

from ml_experiment.errors import (
    ChangedCrateError,
    CrateError,
    MlExperimentError,
    RecordError,
    UnsafeCrateError,
)
from ml_experiment.verify.crate import export_run, open_crate
from ml_experiment.verify.crate.layout import DIGESTS, INDEX, METADATA, digest_line
from ml_experiment.verify.crate.opening import refuse_unpacked


if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def forged(tmp_path: Path) -> Forged:
    """The members of a good crate."""
    return Forged.of(export_run(experiment(tmp_path / "home"), tmp_path / "good.zip"))


def refusal(path: Path, tmp_path: Path) -> MlExperimentError:
    """Open the crate; return why it was refused, and see that nothing was left behind."""
    room = tmp_path / "room"
    room.mkdir()
    (room / "mine.txt").write_text("mine")
    before = {place for place in tmp_path.rglob("*") if room not in place.parents}
    scratch = room / "scratch"

    with pytest.raises(MlExperimentError) as caught:
        open_crate(path, scratch)

    assert everything_below(room) == {"mine.txt": b"mine"}
    assert not scratch.exists()
    after = {place for place in tmp_path.rglob("*") if room not in place.parents}
    assert after == before
    return caught.value


def _link(target: str) -> dict[str, Any]:
    return {"content": target.encode(), "external_attr": (stat.S_IFLNK | 0o777) << 16}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../evil.txt", "leads out"),
        ("run/../../evil.txt", "leads out"),
        ("..", "leads out"),
        ("/tmp/evil.txt", "absolute"),
        ("//server/share", "absolute"),
        ("C:/evil.txt", "absolute"),
        ("c:evil.txt", "absolute"),
        ("run\\..\\..\\evil.txt", "backslash"),
        ("run/\\evil.txt", "backslash"),
        ("run/./evil.txt", "plain name"),
        ("run//evil.txt", "plain name"),
        ("README.md\0.exe", "zero byte"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(
    name: str, message: str, forged: Forged, tmp_path: Path
) -> None:
    """Every file of a crate lies below it, by its name alone."""
    forged.add(name)

    error = refusal(forged.write(tmp_path / "evil.zip"), tmp_path)

    assert isinstance(error, UnsafeCrateError)
    assert message in str(error)


@pytest.mark.parametrize("target", ["/etc/passwd", "../..", "README.md"])
def test_a_link_is_refused_wherever_it_leads(
    target: str, forged: Forged, tmp_path: Path
) -> None:
    """A crate holds files, nothing that stands for others."""
    forged.add("run/link", **_link(target))

    error = refusal(forged.write(tmp_path / "evil.zip"), tmp_path)

    assert isinstance(error, UnsafeCrateError)
    assert "is a link" in str(error)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_a_special_file_is_refused(kind: int, forged: Forged, tmp_path: Path) -> None:
    """A pipe would hang whoever reads it."""
    forged.add("run/pipe", external_attr=(kind | 0o666) << 16)

    error = refusal(forged.write(tmp_path / "evil.zip"), tmp_path)

    assert "special file" in str(error)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "name", ["README.md", "readme.MD", "README.md/below"], ids=["same", "case", "below"]
)
def test_a_name_that_is_there_twice_is_refused(
    name: str, forged: Forged, tmp_path: Path
) -> None:
    """Which of two files counts must not depend on who unpacks them."""
    forged.add(name)

    error = refusal(forged.write(tmp_path / "evil.zip"), tmp_path)

    assert isinstance(error, UnsafeCrateError)
    assert "README.md" in str(error)


def test_an_encrypted_crate_is_refused(forged: Forged, tmp_path: Path) -> None:
    """It says what it is, instead of that a digest is wrong."""
    path = forged.write(tmp_path / "locked.zip")
    content = bytearray(path.read_bytes())
    place = content.rfind(b"PK\x01\x02")
    content[place + 8] |= 1
    path.write_bytes(content)

    assert "encrypted" in str(refusal(path, tmp_path))


def test_a_zip_bomb_is_refused_before_it_unpacks(
    forged: Forged, tmp_path: Path
) -> None:
    """What grows a thousand times is refused by what it says of itself."""
    forged.members["run/bomb"] = bytes(400_000_000)

    error = refusal(forged.write(tmp_path / "bomb.zip"), tmp_path)

    assert isinstance(error, UnsafeCrateError)
    assert "bomb" in str(error)


@pytest.mark.parametrize(
    "end", [METADATA, INDEX, DIGESTS, "journal.jsonl", "data.json"]
)
def test_a_document_that_grows_beyond_reason_is_refused(
    end: str, forged: Forged, tmp_path: Path
) -> None:
    """It would be read whole, and take gigabytes of memory."""
    name = forged.find(end)
    forged.members[name] = b"{}," * 11_000_000

    error = refusal(forged.write(tmp_path / "bomb.zip"), tmp_path)

    assert isinstance(error, UnsafeCrateError)
    assert f"the document {name!r}" in str(error)


def test_large_documents_and_artifacts_of_a_run_are_read(tmp_path: Path) -> None:
    """A long journal, and a JSON file of the user's that shrinks to nothing."""
    run = experiment(tmp_path / "home", artifacts={"all/all.json": b"[0]" * 12_000_000})
    event = {"event": "metrics", "metrics": {f"accuracy {k}": k / 7 for k in range(10)}}
    with run.journal.open("a") as file:
        file.writelines(
            json.dumps({"time": 1.79e9 + step, "step": step} | event) + "\n"
            for step in range(100_000)
        )
    assert run.journal.stat().st_size > 32_000_000
    crate = export_run(run, tmp_path / "run.zip")

    opened = open_crate(crate, tmp_path / "scratch")

    assert opened.journal.stat().st_size == run.journal.stat().st_size


def test_a_bomb_that_lies_about_its_size_is_refused(
    forged: Forged, tmp_path: Path
) -> None:
    """No more is written than was said; and then the digest is wrong."""
    forged.members["run/bomb"] = bytes(50_000_000)
    forged.fix_digests()
    path = forged.write(tmp_path / "bomb.zip")
    content = bytearray(path.read_bytes())
    true_size, small = struct.pack("<L", 50_000_000), struct.pack("<L", 10)
    path.write_bytes(content.replace(true_size, small))

    assert isinstance(refusal(path, tmp_path), ChangedCrateError)


def test_members_that_share_their_bytes_are_refused(
    forged: Forged, tmp_path: Path
) -> None:
    """A small file that is unpacked many times is a bomb as well."""
    forged.members["run/one"] = os.urandom(1000)
    forged.members["run/two"] = os.urandom(1000)
    path = forged.write(tmp_path / "bomb.zip")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("run/one").header_offset
    place = content.rfind(b"run/two") - 46
    content[place + 42 : place + 46] = struct.pack("<L", offset)
    path.write_bytes(content)

    assert "overlap" in str(refusal(path, tmp_path))


@pytest.mark.parametrize(
    "end",
    ["record.json", "train.py", METADATA, INDEX, "README.md", "stdout.log", "tar.gz"],
)
def test_a_changed_file_is_named(end: str, forged: Forged, tmp_path: Path) -> None:
    """One byte is enough, in evidence, code and description alike."""
    name = forged.find(end)
    forged.members[name] = forged.members[name].replace(b"e", b"f", 1) + b" "

    error = refusal(forged.write(tmp_path / "changed.zip"), tmp_path)

    assert isinstance(error, CrateError)
    assert name in str(error) or end in str(error)


@pytest.mark.parametrize("end", ["journal.jsonl", "source.tar.gz", "README.md"])
def test_a_missing_file_is_named(end: str, forged: Forged, tmp_path: Path) -> None:
    """What was exported must be there."""
    name = forged.find(end)
    del forged.members[name]

    error = refusal(forged.write(tmp_path / "less.zip"), tmp_path)

    assert isinstance(error, ChangedCrateError)
    assert f"misses {name!r}" in str(error)


def test_a_file_that_was_added_is_named(forged: Forged, tmp_path: Path) -> None:
    """What was not exported does not become evidence."""
    forged.members["__MACOSX/._README.md"] = b"x"

    error = refusal(forged.write(tmp_path / "more.zip"), tmp_path)

    assert isinstance(error, ChangedCrateError)
    assert "was given '__MACOSX/._README.md'" in str(error)


def test_a_digest_in_the_description_alone_is_not_enough(
    forged: Forged, tmp_path: Path
) -> None:
    """The list and the description must agree."""
    name = forged.find("record.json")
    old = sha256(forged.members[name]).encode()
    forged.members[name] += b" "
    new = sha256(forged.members[name]).encode()
    forged.members[DIGESTS] = forged.members[DIGESTS].replace(old, new)

    error = refusal(forged.write(tmp_path / "changed.zip"), tmp_path)

    assert isinstance(error, ChangedCrateError)
    assert METADATA in str(error)


@pytest.mark.parametrize("name", ["gone.txt", "../up.txt", "file:///etc/passwd"])
def test_a_file_that_only_the_description_lists_is_named(
    name: str, forged: Forged, tmp_path: Path
) -> None:
    """What is described must be there, unless it lies on the web."""
    document = json.loads(forged.members[METADATA])
    entity = {"@type": "File", "sha256": "0" * 64}
    document["@graph"].append(entity | {"@id": "https://example.org/data.csv"})
    forged.members[METADATA] = json.dumps(document).encode()
    _sign_description(forged)
    open_crate(forged.write(tmp_path / "good.zip"), tmp_path / "scratch")
    document["@graph"].append(entity | {"@id": name})
    forged.members[METADATA] = json.dumps(document).encode()
    _sign_description(forged)

    error = refusal(forged.write(tmp_path / "more.zip"), tmp_path)

    assert isinstance(error, ChangedCrateError)
    assert f"lists {name!r}, which is not in it" in str(error)


def _sign_description(forged: Forged) -> None:
    listed = forged.members[DIGESTS].decode().splitlines(keepends=True)
    kept = [line for line in listed if not line.endswith(f"  {METADATA}\n")]
    kept.append(digest_line(METADATA, sha256(forged.members[METADATA])))
    forged.members[DIGESTS] = "".join(kept).encode()


@pytest.mark.parametrize("name", [METADATA, INDEX, DIGESTS])
def test_a_zip_file_that_is_no_crate_says_what_it_lacks(
    name: str, forged: Forged, tmp_path: Path
) -> None:
    """Any other zip file is told from a crate."""
    del forged.members[name]

    assert f"has no {name}" in str(refusal(forged.write(tmp_path / "x.zip"), tmp_path))


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"no zip file at all", gzip.compress(b"x" * 100)],
    ids=["empty", "cut", "text", "gzip"],
)
def test_what_is_no_zip_file_is_refused(content: bytes, tmp_path: Path) -> None:
    """The message has the file's name."""
    path = tmp_path / "run.crate.zip"
    path.write_bytes(content)

    assert "run.crate.zip is no zip file" in str(refusal(path, tmp_path))


def test_a_crate_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A wrong name is told from a broken file."""
    path = tmp_path / "away.zip"

    assert "away.zip is not there" in str(refusal(path, tmp_path))


def test_a_crate_without_its_beginning_is_called_damaged(tmp_path: Path) -> None:
    """It means no harm: a download that broke off is no bomb."""
    path = export_run(experiment(tmp_path / "home"), tmp_path / "run.zip")
    path.write_bytes(path.read_bytes()[1000:])

    error = refusal(path, tmp_path)

    assert not isinstance(error, UnsafeCrateError)
    assert "damaged" in str(error)


def test_a_crate_that_was_unpacked_is_told_what_to_give(tmp_path: Path) -> None:
    """A folder looks like no run, and is not opened as a crate."""
    path = export_run(experiment(tmp_path / "home"), tmp_path / "run.zip")
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)

    with pytest.raises(CrateError, match=r"was unpacked; give the zip file"):
        refuse_unpacked(folder)
    refuse_unpacked(folder / "run")


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_half_a_crate_is_refused(share: float, tmp_path: Path) -> None:
    """A download that broke off does not look like a run."""
    path = export_run(experiment(tmp_path / "home"), tmp_path / "run.zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    assert isinstance(refusal(path, tmp_path), CrateError)


def _without_profile(document: dict[str, Any]) -> None:
    del _root(document)["conformsTo"]


def _later_profile(document: dict[str, Any]) -> None:
    _root(document)["conformsTo"] = {"@id": "https://w3id.org/ro/wfrun/process/9.9"}


def _later_base(document: dict[str, Any]) -> None:
    entity = next(each for each in document["@graph"] if each["@id"] == METADATA)
    entity["conformsTo"] = {"@id": "https://w3id.org/ro/crate/9.9"}


def _without_graph(document: dict[str, Any]) -> None:
    document.clear()


def _root(document: dict[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = next(e for e in document["@graph"] if e["@id"] == "./")
    return root


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without_profile, "no profile"),
        (_later_profile, r"process/9\.9"),
        (_later_base, r"crate/9\.9"),
        (_without_graph, "no @graph"),
    ],
)
def test_a_description_of_another_kind_is_refused(
    change: Callable[[dict[str, Any]], None],
    message: str,
    forged: Forged,
    tmp_path: Path,
) -> None:
    """A crate of another profile or release says which."""
    forged.fix_digests()
    document = json.loads(forged.members[METADATA])
    change(document)
    forged.members[METADATA] = json.dumps(document).encode()

    with pytest.raises(CrateError, match=message):
        open_crate(forged.write(tmp_path / "other.zip"), tmp_path / "scratch")


@pytest.mark.parametrize("name", [METADATA, INDEX])
@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"\xff\xfe", b"[" * 100_000],
    ids=["cut", "list", "bytes", "deep"],
)
def test_a_document_that_is_not_json_is_refused(
    name: str, content: bytes, forged: Forged, tmp_path: Path
) -> None:
    """Nothing but an error of ours comes out."""
    forged.members[name] = content

    assert name in str(refusal(forged.write(tmp_path / "x.zip"), tmp_path))


def test_a_crate_of_a_later_release_names_the_remedy(
    forged: Forged, tmp_path: Path
) -> None:
    """The reader is told to upgrade, not that the file is broken."""
    index = json.loads(forged.members[INDEX])
    index["schema_version"] = "ml-experiment/crate/2"
    forged.members[INDEX] = json.dumps(index).encode()
    forged.fix_digests()

    error = refusal(forged.write(tmp_path / "later.zip"), tmp_path)

    assert "ml-experiment/crate/2" in str(error)
    assert "pip install --upgrade" in str(error)


@pytest.mark.parametrize(
    "run", ["../elsewhere", "run/../..", "/etc", "run", "run/a/b", "run/other"]
)
def test_an_index_that_points_elsewhere_is_refused(
    run: str, forged: Forged, tmp_path: Path
) -> None:
    """Where the run is in the crate is not believed, either."""
    index = json.loads(forged.members[INDEX])
    forged.members[INDEX] = json.dumps(index | {"run": run}).encode()
    forged.fix_digests()

    assert isinstance(
        refusal(forged.write(tmp_path / "x.zip"), tmp_path), (CrateError, RecordError)
    )


def test_data_that_points_elsewhere_is_refused(forged: Forged, tmp_path: Path) -> None:
    """A data file of a crate is in the crate."""
    index = json.loads(forged.members[INDEX])
    entry = {"path": "/rows.csv", "file": "../../etc/passwd", "sha256": "0", "size": 1}
    forged.members[INDEX] = json.dumps(index | {"data": [entry]}).encode()
    forged.fix_digests()

    error = refusal(forged.write(tmp_path / "x.zip"), tmp_path)

    assert isinstance(error, ChangedCrateError)


def _tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for header, content in members:
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def _tar_link(kind: bytes) -> bytes:
    header = tarfile.TarInfo("link")
    header.type, header.linkname = kind, "/etc/passwd"
    return _tar((header, b""))


def _tar_with_a_long_header() -> bytes:
    header = tarfile.TarInfo("train.py")
    header.type, header.size = tarfile.XHDTYPE, 8_000_000_000
    return gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) + bytes(1_000_000))


def _tar_of_declared(size: int) -> bytes:
    header = tarfile.TarInfo("train.py")
    header.size = size
    return gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(1_000_000))


@pytest.mark.parametrize(
    "archive",
    [
        source_archive({"../evil.py": "x"}),
        source_archive({"/tmp/evil.py": "x"}),
        source_archive({"a/../../evil.py": "x"}),
        _tar_link(tarfile.SYMTYPE),
        _tar_link(tarfile.LNKTYPE),
        _tar_link(tarfile.CHRTYPE),
        _tar_of_declared(20_000_000_000),
        _tar_with_a_long_header(),
        b"no archive",
        gzip.compress(b"no archive" * 100),
        source_archive({"train.py": "x" * 10_000})[:-20],
    ],
    ids=[
        *("parent", "absolute", "deep", "symlink", "hard link", "device"),
        *("bomb", "header", "no gzip", "no tar", "cut"),
    ],
)
def test_a_source_archive_inside_is_looked_at_as_well(
    archive: bytes, forged: Forged, tmp_path: Path
) -> None:
    """Somebody who made every digest right again gets no further."""
    forged.members[forged.find("source.tar.gz")] = archive
    forged.fix_digests()

    assert isinstance(
        refusal(forged.write(tmp_path / "evil.zip"), tmp_path), RecordError
    )


def test_what_was_only_packed_again_is_accepted(forged: Forged, tmp_path: Path) -> None:
    """Other times, another order, and folders of their own change nothing."""
    forged.members = dict(reversed(forged.members.items()))
    forged.add("run/", content=b"", external_attr=0x10)

    run = open_crate(forged.write(tmp_path / "again.zip"), tmp_path / "scratch")

    assert run.manifest.is_file()


def test_the_digests_can_be_made_right_again(forged: Forged, tmp_path: Path) -> None:
    """The forger of these tests is good enough: its crates fail for no other reason."""
    forged.members["run/new"] = b"new"
    forged.fix_digests()

    open_crate(forged.write(tmp_path / "again.zip"), tmp_path / "scratch")


def test_a_folder_that_holds_something_is_not_unpacked_into(tmp_path: Path) -> None:
    """Nothing of the user's is mixed with what is in a crate."""
    crate = export_run(group(tmp_path / "home"), tmp_path / "good.zip")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "mine.txt").write_text("mine")

    with pytest.raises(CrateError, match="is not empty; give a folder that is empty"):
        open_crate(crate, scratch)

    assert everything_below(scratch) == {"mine.txt": b"mine"}


def test_a_refusal_leaves_an_empty_folder_empty(forged: Forged, tmp_path: Path) -> None:
    """The folder was there before, so it stays; what was unpacked goes."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    name = forged.find("train.py")
    forged.members[name] = b"x" * len(forged.members[name])

    with pytest.raises(ChangedCrateError):
        open_crate(forged.write(tmp_path / "evil.zip"), scratch)

    assert list(scratch.iterdir()) == []


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good crate."""
    home = tmp_path_factory.mktemp("good")
    return export_run(experiment(home), home / "good.zip")


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_crate_is_refused_or_gives_what_was_exported(
    good: Path, data: st.DataObject
) -> None:
    """Whichever byte is another one: an error of ours, or nothing was lost."""
    content = bytearray(good.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        open_crate(good, folder / "right")
        (folder / "damaged.zip").write_bytes(content)

        try:
            open_crate(folder / "damaged.zip", folder / "scratch")
        except MlExperimentError:
            assert not (folder / "scratch").exists()
        else:
            right = everything_below(folder / "right")
            assert everything_below(folder / "scratch") == right
