"""onewindow demo: one real case through all four systems, on this machine, in a minute."""
