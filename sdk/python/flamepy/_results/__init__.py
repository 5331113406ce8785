"""What comes back of tasks: values, errors, and the order in which they are waited for."""
