"""动作策略: what each action asks of the person at the keyboard, as data."""
