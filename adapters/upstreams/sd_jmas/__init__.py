"""山东省统一身份认证 of today, the JMAS dialect."""
