"""Configuration: what a job may be told, by file, command line and environment."""
