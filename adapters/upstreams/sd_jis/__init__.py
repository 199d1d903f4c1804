"""山东省统一身份认证, the classic JIS dialect of the province's identity system."""
