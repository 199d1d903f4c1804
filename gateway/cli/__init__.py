"""The onewindow command line."""
