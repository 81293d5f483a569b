"""What the page of the mask door draws: uploaders, one mask, the table of many."""
