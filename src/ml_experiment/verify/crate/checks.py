"""Whether a crate is one of ours, and as it was when it was exported."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ml_experiment.config.explain import explained
from ml_experiment.errors import ChangedCrateError, CrateError
from ml_experiment.verify.crate.layout import (
    DIGESTS,
    INDEX,
    METADATA,
    PROCESS_RUN,
    RO_CRATE,
    SCHEMA,
    Index,
    from_identifier,
    read_digest_line,
)


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHOWN = 5
_ON_THE_WEB = ("http://", "https://")  # what a description tells of may lie elsewhere


def read_digests(text: bytes) -> dict[str, str]:
    """Return the digest of each file, as the crate lists them.

    Raises:
        CrateError: It is no such list.
    """
    try:
        # Not splitlines(): the name of a file may hold what it takes for the end of a line.
        lines = filter(None, text.decode("utf-8").split("\n"))
        return dict(read_digest_line(line.removesuffix("\r")) for line in lines)
    except ValueError as error:
        raise CrateError(f"{DIGESTS} of the crate cannot be read: {error}") from error


def refuse_other_files(names: Iterable[str], digests: Mapping[str, str]) -> None:
    """Compare the files that are there with those that are listed.

    Raises:
        ChangedCrateError: One is missing, or one too many.
    """
    present = set(names) - {DIGESTS}
    missing, extra = sorted(digests.keys() - present), sorted(present - digests.keys())
    for found, what in ((missing, "misses"), (extra, "was given")):
        if found:
            shown = ", ".join(repr(name) for name in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise ChangedCrateError(
                f"the crate is not as it was exported: it {what} {shown}{more}"
            )


def read_index(text: bytes) -> Index:
    """Return where the run is.

    Raises:
        CrateError: It cannot be read, or a later release has written it.
    """
    document = _object(text, INDEX)
    found = document.get("schema_version")
    if found != SCHEMA:
        raise CrateError(
            f"{INDEX} of the crate: schema is {found!r}, this release reads {SCHEMA!r}\n"
            "  pip install --upgrade ml-experiment"
        )
    try:
        return Index.model_validate(document)
    except ValidationError as error:
        [problem, *_] = explained(error, document, Index)
        raise CrateError(f"{INDEX} of the crate cannot be read: {problem}") from error


def check_metadata(text: bytes, digests: Mapping[str, str]) -> None:
    """Check that the description is of a run, and of the files that are there.

    Raises:
        CrateError: It is no description of a run that this release reads.
        ChangedCrateError: It gives a file another digest, or has one that is not there.
    """
    graph = _object(text, METADATA).get("@graph")
    if not isinstance(graph, list):
        raise CrateError(f"{METADATA} of the crate has no @graph")
    entities = {
        str(entity.get("@id")): entity for entity in graph if isinstance(entity, dict)
    }
    _check_profile(entities)
    listed = {
        from_identifier(name): str(entity["sha256"])
        for name, entity in entities.items()
        if "sha256" in entity and not name.startswith("#")
    }
    for name, sha256 in digests.items():
        if name != METADATA and listed.get(name) != sha256:
            got = "another digest" if name in listed else "no digest"
            raise ChangedCrateError(
                f"the crate is not as it was exported: {METADATA} has {got} for {name!r}"
            )
    for name in sorted(listed.keys() - digests.keys()):
        if not name.startswith(_ON_THE_WEB):
            raise ChangedCrateError(
                f"the crate is not as it was exported: {METADATA} lists {name!r}, which is "
                "not in it"
            )


def _check_profile(entities: Mapping[str, dict[str, Any]]) -> None:
    base = _conformed(entities.get(METADATA))
    if RO_CRATE not in base:
        raise CrateError(
            f"{METADATA} of the crate conforms to {_shown(base)}; "
            f"this release reads {RO_CRATE}"
        )
    profiles = _conformed(entities.get("./"))
    if PROCESS_RUN not in profiles:
        raise CrateError(
            f"the crate conforms to {_shown(profiles)}, so it is no run that this "
            f"release reads: it reads {PROCESS_RUN}"
        )


def _conformed(entity: dict[str, Any] | None) -> list[str]:
    value = (entity or {}).get("conformsTo", [])
    values = value if isinstance(value, list) else [value]
    return [str(each.get("@id")) for each in values if isinstance(each, dict)]


def _shown(profiles: list[str]) -> str:
    return ", ".join(profiles) or "no profile"


def _object(text: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CrateError(f"{name} of the crate is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise CrateError(f"{name} of the crate is no JSON object")
    return document
