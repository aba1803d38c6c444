"""Models that were trained before: what exists, where each is found, and how it becomes ready."""
