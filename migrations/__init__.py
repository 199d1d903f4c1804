"""The database's history: one line of dated revisions, run by the command line and by tests."""
