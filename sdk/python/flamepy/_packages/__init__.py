"""Lists of packages of sessions and applications."""
