"""委托授权: who may do what for somebody else, for which matters, and for how long."""
