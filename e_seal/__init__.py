"""E-seals (电子印章) on OFD documents."""
