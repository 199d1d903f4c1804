"""The pages for people, in a browser as people have it."""
