"""One continual learner a file."""
