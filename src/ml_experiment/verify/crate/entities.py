"""The graph of a crate: entities by identifier, in a fixed order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ml_experiment.verify.crate.layout import METADATA, as_identifier


if TYPE_CHECKING:
    from ml_experiment.verify.crate.items import Item

Reference = dict[str, str]

# Terms of the run profiles that the context of RO-Crate lacks.
_WORKFLOW_RUN_TERMS = "https://w3id.org/ro/terms/workflow-run#"
_TERMS = ("sha256", "environment")


def reference(identifier: str) -> Reference:
    """Return the reference to an entity."""
    return {"@id": identifier}


def identifier_of(*words: object) -> str:
    """Return an identifier that is local to the crate."""
    return "#" + "/".join(quote(str(word), safe="") for word in words)


def literal(value: object) -> str | int | float | bool:
    """Return a value as JSON-LD holds it: numbers exact, lists and dicts as JSON."""
    if isinstance(value, (str, bool, int, float)):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


class Graph:
    """The entities of a crate, made with the library of RO-Crate."""

    def __init__(self, published: str) -> None:
        from rocrate.rocrate import ROCrate

        self._crate = ROCrate(version="1.1")
        self._crate.metadata.extra_terms.update(
            {term: _WORKFLOW_RUN_TERMS + term for term in _TERMS}
        )
        self._crate.root_dataset["datePublished"] = published

    def describe(self, **properties: object) -> None:
        """Set properties of the crate as a whole."""
        for name, value in properties.items():
            self._crate.root_dataset[name] = value

    def conform(self, *profiles: str) -> None:
        """Say which profiles the description of the crate conforms to."""
        base = self._crate.metadata.properties()["conformsTo"]
        self._crate.metadata["conformsTo"] = [
            base,
            *(reference(profile) for profile in profiles),
        ]

    def knows(self, identifier: str) -> bool:
        """Return whether there is such an entity."""
        return self._crate.get(identifier) is not None

    def add(
        self, identifier: str, kind: str | list[str], /, **properties: Any
    ) -> Reference:
        """Add an entity that is no file, once."""
        from rocrate.model.contextentity import ContextEntity

        if self._crate.get(identifier) is None:
            known = {"@type": kind} | _without_none(properties)
            self._crate.add(ContextEntity(self._crate, identifier, properties=known))
        return reference(identifier)

    def add_file(self, item: Item, /, **properties: Any) -> Reference:
        """Add a file that is in the crate, once; ``@type`` may be among the properties."""
        from rocrate.model.file import File

        identifier = as_identifier(item.name)
        if self._crate.get(identifier) is None:
            known = {
                "@type": "File",
                "contentSize": str(item.size),
                "sha256": item.sha256,
            }
            self._crate.add(
                File(
                    self._crate,
                    dest_path=item.name,
                    properties=known | _without_none(properties),
                )
            )
        return reference(identifier)

    def document(self) -> str:
        """Return the metadata document; the same graph gives the same text."""
        document = self._crate.metadata.generate()
        graph = document["@graph"]
        for entity in graph:
            if isinstance(entity.get("hasPart"), list):
                entity["hasPart"].sort(key=lambda part: part["@id"])
            for name, value in list(entity.items()):
                if value == []:
                    del entity[name]
                elif isinstance(value, list) and len(value) == 1:
                    entity[name] = value[0]  # as RO-Crate spells it
        first = {METADATA: 0, "./": 1}
        graph.sort(key=lambda entity: (first.get(entity["@id"], 2), entity["@id"]))
        return (
            json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        )


def _without_none(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}
