"""A case, and what people may see, say and count about it."""
