"""Where files of a data set may lie, one module a kind; each can be pickled and read anywhere."""
