"""The function model_admin."""
