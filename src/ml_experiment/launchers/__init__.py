"""Ways to start the process that runs the user's script."""
