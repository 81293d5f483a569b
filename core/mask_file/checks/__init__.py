"""One small function for each kind of file: `Stored` to findings, or to nothing."""
