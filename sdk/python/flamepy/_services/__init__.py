"""Services: what an application runs on the executors."""
