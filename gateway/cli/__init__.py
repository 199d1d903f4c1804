"""The command line: onewindow."""
