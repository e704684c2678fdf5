"""Stand-ins for what a machine may lack, for tests of users and of this project."""
