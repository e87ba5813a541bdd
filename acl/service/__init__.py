"""The processes: the backend, its workers and engines, the projector."""
