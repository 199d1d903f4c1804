"""事项: the catalogue of service items."""
