"""One folder is one upstream system; adding one edits no other file."""
