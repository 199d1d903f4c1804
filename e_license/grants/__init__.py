"""Purpose binding (用证授权): no look-up without an open matter and one grant that is used up."""
