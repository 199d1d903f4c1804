"""What one would write without thinking about speed, and the least that a framework can do."""
