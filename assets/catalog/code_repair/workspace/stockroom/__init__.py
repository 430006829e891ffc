"""Stock, orders and invoices of a small warehouse."""
