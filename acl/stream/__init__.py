"""From images to tasks: how sets are read, named and cut into a stream."""
