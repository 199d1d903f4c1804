"""What two or more domains share: time, ids, money, errors, states, codes, cryptography and the database room."""
