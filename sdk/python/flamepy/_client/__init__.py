"""The connection to a session manager, and the functions of the API on it."""
