"""How Python values, functions and modules become bytes, and back."""
