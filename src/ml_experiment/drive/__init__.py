"""The process that runs the user's script: which runs there are, and in what order."""
