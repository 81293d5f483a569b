"""Networks that cut out the foreground: one map of how much each pixel belongs to it."""
