"""ASN.1 as e-seals use it: slices of the original bytes, never decoded and encoded again."""
