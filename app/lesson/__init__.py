"""The Lesson: five questions about forgetting, each answered by a run."""
