"""The process around the user's process.

It starts the driver, copies its console, has the run captured and published while it goes
on, and closes it truthfully, whatever became of the driver.
"""
