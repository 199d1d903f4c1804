"""非税收入统缴: bills, payments and receipts."""
