"""The HTTP method gateway of the Bosssoft family, agency side: polled, never pushed."""
