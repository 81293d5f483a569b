"""How often the comparison of two programs names what was seeded between them."""
