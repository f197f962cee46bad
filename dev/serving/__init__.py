"""Serves the gateway and the practice servers over HTTP: uvicorn, with thin ASGI applications."""
