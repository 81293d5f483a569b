"""Networks of Hugging Face transformers: built and filled by that library."""
