"""What a text says that can be looked up in another: facts, sources, and the words they use."""
