"""The loop that takes due tasks, and the steps registered with it."""
