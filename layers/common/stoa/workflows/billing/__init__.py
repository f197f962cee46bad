"""Use cases of billing: purchases, subscriptions and Stripe events."""
