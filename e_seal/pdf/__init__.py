"""PDF documents (ISO 32000): enough of the format to seal them and to verify their seals."""
