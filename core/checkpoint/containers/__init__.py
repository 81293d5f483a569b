"""One module a container: where in its bytes the numbers of the tensors are."""
