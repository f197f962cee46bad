"""A practice Stripe: the calls we make, a pay page to click, signed events, refunds and disputes. No money moves."""

from dev.practice_stripe.running import PRACTICE_KEY, PRACTICE_SECRET, PracticeStripe, control, stripe_environment

__all__ = ["PRACTICE_KEY", "PRACTICE_SECRET", "PracticeStripe", "control", "stripe_environment"]
