"""SQL of billing: purchases, subscriptions and Stripe events."""
