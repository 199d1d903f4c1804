"""Daily reconciliation (对账): our payments and refunds against the finance system's list."""
