"""加强认证 (step-up, RFC 9470): a second factor raises the session that is there already."""
