"""Calls of Python functions: what clients send for them, and how they are called on executors."""
