"""Where the trials of a group run."""
