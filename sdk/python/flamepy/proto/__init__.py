"""Generated protobuf and gRPC code of the package ``flame.v1``; regenerate with ``scripts/proto``."""
