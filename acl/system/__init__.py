"""This machine: files, locks, processes, the device, what work costs."""
