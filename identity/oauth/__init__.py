"""授权服务器: the gateway as authorization server and OpenID provider."""
