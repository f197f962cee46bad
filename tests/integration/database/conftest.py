from tests.integration.chat.conftest import desk  # noqa: F401 - the same member, for the same reason
