"""How weights were stored: in few bits, packed into one value, or in parts."""
