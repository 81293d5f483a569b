"""The grid: thousands of small pictures with their masks, of which only those in view are made."""
