"""The validator of RO-Crate finds nothing that the profiles demand and a crate lacks.

It is ``rocrate-validator``, which wants another release of Rich than we do, so it is not
among the packages for tests; these are skipped where it is not installed.
"""

from __future__ import annotations

import importlib.resources
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.crates import experiment, group

from ml_experiment.record.outcome import Outcome
from ml_experiment.verify.crate import export_run


if TYPE_CHECKING:
    from pathlib import Path

    from ml_experiment.record.directory import RunDirectory

services = pytest.importorskip("rocrate_validator.services")
requests = pytest.importorskip("requests")
requests_cache = pytest.importorskip("requests_cache")

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
# The library brings the terms of RO-Crate 1.3, which differ from those of 1.1 in these.
_WORKFLOW = "https://bioschemas.org/ComputationalWorkflow"
OLDER_TERMS = {
    "ComputationalWorkflow": _WORKFLOW,
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": f"{_WORKFLOW}#input",
    "output": f"{_WORKFLOW}#output",
}


class Shelf:
    """Gives the terms of RO-Crate that its library brings, instead of the network."""

    def send(self, request: Any, **options: Any) -> Any:
        """Answer every request with the terms."""
        from urllib3 import HTTPResponse

        del options
        place = importlib.resources.files("rocrate") / "data" / "ro-crate.jsonld"
        document = json.loads(place.read_bytes())
        document["@context"] |= OLDER_TERMS
        content = json.dumps(document).encode()
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response.headers["Content-Type"] = "application/ld+json"
        response.raw = HTTPResponse(
            body=io.BytesIO(content),
            headers=dict(response.headers),
            status=200,
            preload_content=False,
        )
        return response

    def close(self) -> None:
        """Close nothing."""


@pytest.fixture
def cache(tmp_path: Path) -> str:
    """A cache of the validator that holds the terms, so that it needs no network."""
    name = str(tmp_path / "cache")
    session = requests_cache.CachedSession(
        cache_name=name, backend="sqlite", expire_after=-1
    )
    session.mount("https://", Shelf())
    session.get(CONTEXT)
    session.close()
    return name


def _failed(home: Path) -> RunDirectory:
    return experiment(home, outcome=Outcome(status="FAILED", reason="no", ended=2e9))


def _odd_names(home: Path) -> RunDirectory:
    return experiment(home, artifacts={"a b#c?d%e/\u00fc&[1].txt": b"1"})


def _with_data(home: Path) -> RunDirectory:
    data = home / "rows.csv"
    home.mkdir(exist_ok=True)
    data.write_text("1")
    return experiment(home, data=[data])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "profile"),
    [
        (experiment, "process-run-crate-0.5"),
        (_failed, "process-run-crate-0.5"),
        (_odd_names, "process-run-crate-0.5"),
        (_with_data, "process-run-crate-0.5"),
        (group, "process-run-crate-0.5"),
        (group, "workflow-ro-crate-1.0"),
        (group, "workflow-run-crate-0.5"),
    ],
)
def test_the_validator_finds_nothing_that_is_demanded(
    make: Any, profile: str, cache: str, tmp_path: Path
) -> None:
    """Every requirement of the profile, and of those that it is built on, is kept."""
    crate = export_run(make(tmp_path / "home"), tmp_path / "c.zip", with_data=True)

    result = services.validate(
        services.ValidationSettings.parse(
            {
                "rocrate_uri": str(crate),
                "profile_identifier": profile,
                "requirement_severity": "REQUIRED",
                "offline": True,
                "cache_path": cache,
            }
        )
    )

    assert [str(issue.message) for issue in result.get_issues()] == []
    assert result.passed()
