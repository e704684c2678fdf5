"""``python -m ml_experiment`` is the command ``ml-experiment``."""

from __future__ import annotations

import sys

from ml_experiment.cli import main


if __name__ == "__main__":
    sys.exit(main())
