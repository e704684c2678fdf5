"""What ``load_data`` returned: described, written once, and mapped by every worker."""

from ml_experiment.sharing.content import Description, Entry, describe
from ml_experiment.sharing.faults import SharingError
from ml_experiment.sharing.store import load_and_share, load_shared, share


__all__ = [
    "Description",
    "Entry",
    "SharingError",
    "describe",
    "load_and_share",
    "load_shared",
    "share",
]
