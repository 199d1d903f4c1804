"""网上可办: what can be done online now, where, and why not."""
