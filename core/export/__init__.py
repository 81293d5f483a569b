"""What leaves the app: the script, settings, transforms, label map, logits, report."""
