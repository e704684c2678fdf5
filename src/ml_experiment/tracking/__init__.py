"""The publisher: tells MLflow what a run directory holds, from a process of its own."""
