"""Rules of billing: purchases, subscriptions and Stripe events."""
