"""Rules of catalogue: models, modes and what tenants decide about them."""
