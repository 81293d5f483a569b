"""How often the mask door names what a file is: files written by the libraries that people use."""
