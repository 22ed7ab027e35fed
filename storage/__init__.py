"""The nouns: the values we write down, and how they survive a crash."""
