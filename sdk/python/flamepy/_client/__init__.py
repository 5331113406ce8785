"""The connection to a session manager, and the functions of the API on it."""

import os

# gRPC writes notes of failed handshakes to stderr beside our errors, unless this is set before its
# first channel; with "ERROR", which its documentation calls the default, it does not.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
