"""One HTTP server for the gateway and the practice servers: uvicorn, with thin ASGI applications."""
