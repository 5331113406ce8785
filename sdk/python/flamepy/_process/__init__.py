"""What a process has: forks, signals, the main thread, threads that wait, and its end."""
