"""Any identity provider that speaks OpenID Connect, as a way to sign in."""
