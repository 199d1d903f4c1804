"""The application: composes the four domains behind one acceptance interface."""
