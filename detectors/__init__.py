"""Every detector, cheapest first: the audit asks them in this order."""
