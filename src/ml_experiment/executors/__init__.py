"""Where the trials of a group are executed: worker processes on this machine, or elsewhere."""
