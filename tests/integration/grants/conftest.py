from tests.integration.model_admin.conftest import ada, admin, events, operator, other_admin  # noqa: F401 - shared
