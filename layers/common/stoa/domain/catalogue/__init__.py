"""Rules of the catalogue: models, modes and tenants' decisions about them."""
