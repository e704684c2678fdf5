"""``python validate_crate.py CRATE PROFILE TERMS FOLDER``: what a validator says of a crate.

Runs in the validator's own environment, and therefore imports nothing of ours. Prints the
issues that it finds with what a profile requires, one a line; TERMS is the file of RO-Crate's
terms, which the validator would fetch, and FOLDER is where it may keep them.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import requests
from requests_cache import CachedSession
from rocrate_validator import services
from urllib3 import HTTPResponse


CONTEXT = "https://w3id.org/ro/crate/1.1/context"
# The file has the terms of RO-Crate 1.3, which differ from those of 1.1 in these.
_WORKFLOW = "https://bioschemas.org/ComputationalWorkflow"
OLDER_TERMS = {
    "ComputationalWorkflow": _WORKFLOW,
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": f"{_WORKFLOW}#input",
    "output": f"{_WORKFLOW}#output",
}


class Shelf:
    """Gives the terms of RO-Crate from a file, instead of the network."""

    def __init__(self, terms: Path) -> None:
        document = json.loads(terms.read_bytes())
        document["@context"] |= OLDER_TERMS
        self._content = json.dumps(document).encode()

    def send(self, request: Any, **options: Any) -> Any:
        """Answer every request with the terms."""
        del options
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response.headers["Content-Type"] = "application/ld+json"
        response.raw = HTTPResponse(
            body=io.BytesIO(self._content),
            headers=dict(response.headers),
            status=200,
            preload_content=False,
        )
        return response

    def close(self) -> None:
        """Close nothing."""


def main(crate: str, profile: str, terms: str, folder: str) -> None:
    """Print the issues."""
    cache = str(Path(folder) / "cache")
    session: Any = CachedSession(cache_name=cache, backend="sqlite", expire_after=-1)
    session.mount("https://", Shelf(Path(terms)))
    session.get(CONTEXT)
    session.close()
    result = services.validate(
        services.ValidationSettings.parse(
            {
                "rocrate_uri": crate,
                "profile_identifier": profile,
                "requirement_severity": "REQUIRED",
                "offline": True,
                "cache_path": cache,
            }
        )
    )
    said = [str(issue.message) for issue in result.get_issues()]
    said.append("passed" if result.passed() else "failed")
    sys.stdout.write("\n".join(said) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
