"""A look into the masks of a set: what their values mean, and which of them are odd."""
