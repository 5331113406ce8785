"""What tasks print, on its way to the client."""
