"""What people report in public, made anew: the situation, and the right first answer."""
