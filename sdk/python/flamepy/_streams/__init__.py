"""Tasks on the stream of a connection (docs/protocol.md, "Streams of clients")."""
