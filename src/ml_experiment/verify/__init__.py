"""What is done with runs that are over: restore their code."""
