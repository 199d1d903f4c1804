"""国家网络身份认证 (CTID): a network credential as a second factor, by pseudonym if one chose."""
