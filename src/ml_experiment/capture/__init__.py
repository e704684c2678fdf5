"""What is recorded of a run, in its own process and beside it."""
