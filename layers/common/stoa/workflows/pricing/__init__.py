"""What an admin does with prices: configuration, bulk update, overrides, their sheet, dry runs, views."""
