"""What a project lacks to be reproducible, found by reading it and running nothing of it."""
