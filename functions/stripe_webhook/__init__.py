"""The function stripe_webhook."""
