"""Where runs are published."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ml_experiment.record.masking import known_secrets, mask_text, mask_uri


if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Settings:
    """Where runs are published.

    Attributes:
        tracking_uri: MLflow's tracking URI, with its credentials.
        artifact_root: Place of the artifacts of new experiments; ``None`` for MLflow's own
            default.
    """

    tracking_uri: str
    artifact_root: str | None = None

    @property
    def masked_uri(self) -> str:
        """The tracking URI as it may be shown and stored."""
        return mask_uri(self.tracking_uri)

    @property
    def scheme(self) -> str:
        """``sqlite``, ``postgresql``, ``http``, ...; empty for a plain path."""
        return urlsplit(self.tracking_uri).scheme.partition("+")[0].lower()

    @property
    def is_database(self) -> bool:
        """Whether MLflow writes to a database itself."""
        return self.scheme in {"sqlite", "postgresql", "mysql", "mssql"}

    @property
    def is_server(self) -> bool:
        """Whether a tracking server is asked, not a database."""
        return self.scheme in {"http", "https"}

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The strings that nobody may see."""
        environ = {**os.environ, "": self.tracking_uri}
        for name in ("PWD", "OLDPWD"):  # the working directory, not a password
            environ.pop(name, None)
        return frozenset(known_secrets(environ))

    def mask(self, text: str) -> str:
        """Return a text without credentials."""
        return mask_text(mask_uri(text), self.secrets)

    def mask_all(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return a mapping with the credentials in its values masked."""
        return {key: self.mask(text) for key, text in texts.items()}
