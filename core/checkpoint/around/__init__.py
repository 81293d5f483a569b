"""What is around the files of torch: compression, folders of many processes, other formats."""
