"""Many pictures as one data set: where they lie, which mask belongs to which, what is odd."""
