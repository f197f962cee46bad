"""The local API gateway: what stands before the functions on AWS, in one process on 127.0.0.1."""
