"""The run directory, its journal, and the record made from them.

This room is the protocol between the process outside (supervisor, publisher) and the
process inside (driver, workers). It holds values and one writer; it starts nothing.
"""
