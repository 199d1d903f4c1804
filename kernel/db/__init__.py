"""The database room: engines, units of work, and the tables every process shares."""
