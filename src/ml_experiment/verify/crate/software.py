"""The code of a run, and what it was run with."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ml_experiment.record.masking import without_credentials
from ml_experiment.verify.crate.entities import identifier_of


if TYPE_CHECKING:
    from ml_experiment.verify.crate.entities import Graph, Reference
    from ml_experiment.verify.crate.facts import Facts

SOURCE_CODE = ["File", "SoftwareSourceCode"]


class Software:
    """What is to be said of code and packages.

    Args:
        facts: The run.
    """

    def __init__(self, facts: Facts) -> None:
        self._source = facts.part("source")
        self._software = facts.part("software")
        self._git: dict[str, Any] = self._source.get("git") or {}

    @property
    def version(self) -> str:
        """The commit, or else the digest of the code."""
        commit = self._git.get("commit")
        if commit:
            changed = bool(self._git.get("dirty"))
            return f"{commit} with changes" if changed else str(commit)
        digest = self._source.get("archive_sha256")
        return f"sha256:{digest}" if digest else "unknown"

    def of_module(self, graph: Graph) -> dict[str, Any]:
        """Return what is said of each file of code."""
        url = self._url()
        return {
            "@type": SOURCE_CODE,
            "version": self.version,
            "programmingLanguage": _python_language(graph),
        } | ({"url": url} if url else {})

    def of_script(self, graph: Graph) -> dict[str, Any]:
        """Return what is said of the script: also what it needs."""
        return self.of_module(graph) | {
            "description": "The script that was run",
            "softwareRequirements": self.requirements(graph),
        }

    def requirements(self, graph: Graph) -> list[Reference]:
        """Add Python and the packages; return references to them."""
        python = (self._software.get("python") or {}).get("version")
        found = []
        if python:
            url = f"https://www.python.org/downloads/release/python-{_digits(python)}/"
            found.append(
                graph.add(
                    url,
                    "SoftwareApplication",
                    name="Python",
                    url=url,
                    softwareVersion=python,
                )
            )
        packages = self._software.get("packages") or []
        return found + [_add_package(graph, package) for package in packages]

    def _url(self) -> str | None:
        remote = str(self._git.get("remote") or "")
        return without_credentials(remote) if remote.startswith("http") else None


def _digits(version: str) -> str:
    return "".join(letter for letter in version if letter.isdigit())


def _python_language(graph: Graph) -> Reference:
    return graph.add(
        "https://w3id.org/workflowhub/workflow-ro-crate#python",
        "ComputerLanguage",
        name="Python",
        identifier={"@id": "https://www.python.org/"},
        url={"@id": "https://www.python.org/"},
    )


def _add_package(graph: Graph, package: dict[str, Any]) -> Reference:
    name, version = str(package["name"]), str(package["version"])
    is_public = package.get("origin") == "index"
    page = f"https://pypi.org/project/{name}/{version.partition('+')[0]}/"
    return graph.add(
        page
        if is_public and "+" not in version
        else identifier_of("package", name, version),
        "SoftwareApplication",
        name=name,
        url=page if is_public else None,
        softwareVersion=version,
    )


def add_missing_script(graph: Graph, script: str, software: Software) -> Reference:
    """Add a script that is not in the crate, as its code was not recorded."""
    return graph.add(
        identifier_of("script", PurePosixPath(script).name),
        "SoftwareSourceCode",
        name=PurePosixPath(script).name,
        description="The script that was run; its code was not recorded",
        version=software.version,
        softwareRequirements=software.requirements(graph),
    )
