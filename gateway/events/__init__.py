"""Outgoing events: the feed, webhooks and streams."""
