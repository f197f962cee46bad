"""Use cases of pricing: configuration, bulk update, overrides and their sheet, dry runs, history, recomputing."""
