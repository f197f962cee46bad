"""The function mailer."""
