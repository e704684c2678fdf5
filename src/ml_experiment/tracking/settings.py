"""Where runs are published."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from ml_experiment.record.masking import known_secrets, mask_text, mask_uri


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
    def is_server(self) -> bool:
        """Whether a tracking server is asked, not a database."""
        return self.scheme in {"http", "https"}

    def secrets(self) -> set[str]:
        """Return the strings that nobody may see."""
        return known_secrets({**os.environ, "": self.tracking_uri})

    def mask(self, text: str) -> str:
        """Return a text without credentials."""
        return mask_text(mask_uri(text), self.secrets())
