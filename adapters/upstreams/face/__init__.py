"""Live face verification (人脸核身) on a page of the provider, with a signed result."""
