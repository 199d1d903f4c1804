"""办件: the cases that applicants submit and departments decide."""
