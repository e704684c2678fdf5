"""A run as a research object: written, opened, and checked when it is opened."""
