"""Sessions and their tasks: creating them, waiting for them, closing."""
