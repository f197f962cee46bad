"""Rules of pricing: markups, overrides and the price book."""
