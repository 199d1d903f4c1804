"""Scan of the electronic business licence (电子营业执照): who acts for a company, as what."""
