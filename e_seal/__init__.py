"""电子印章: seals, and the documents they sign."""
