"""The linked panels."""
