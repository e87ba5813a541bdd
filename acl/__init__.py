"""The engine of ACL Explorer: active continual learning, step by step, without any user interface."""
