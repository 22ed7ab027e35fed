"""The verbs: what we decide and do about one message or one case."""
