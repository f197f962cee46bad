"""Serves the gateway, the practice providers and the practice Stripe: uvicorn, with thin ASGI applications."""
