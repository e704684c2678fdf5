"""What differs inside two files, format by format."""
