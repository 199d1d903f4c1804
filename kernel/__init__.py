"""What two or more domains share: time, ids, money, errors, states, codes, crypto, database."""
