"""A reference citizen portal that uses only the public interface."""
