"""接入应用: every program that may call the gateway, with its keys, rights and limits."""
