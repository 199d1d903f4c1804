"""Judges that are not ours: other people's readers look at what this system seals."""
