"""Run a recorded run again: its code, its data, its packages, its random numbers."""
