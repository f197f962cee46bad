"""The door: requests, answers, schemas and errors as HTTP has them."""
