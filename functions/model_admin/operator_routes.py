"""Routes of the installation's operators: the shared registry and the circuits."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.model_admin.app import ModelId, app
from functions.model_admin.models.catalogue import RegistryModelAnswer, RegistryModelChange
from functions.model_admin.models.circuits import CircuitListAnswer, ResetAnswer
from stoa.http.dependencies import AsOperator
from stoa.workflows.catalogue import operator_models
from stoa.workflows.providers import circuits

CircuitId = Annotated[str, Path(alias="circuitId")]


@app.patch("/api/operator/models/<modelId>", summary="Change a model of the registry", tags=["operator"])
def patch_registry_model(caller: AsOperator, model_id: ModelId, change: RegistryModelChange) -> RegistryModelAnswer:
    """For operators. Switches a shared model off, marks it as in trouble, deprecates it, names its successor, or sets
    the provider's rates for cached input and the like (an increase waits for each tenant's grace). The change holds for
    every tenant that has not decided otherwise."""
    return RegistryModelAnswer.of(operator_models.change_registry_model(caller, model_id, change.given()))


@app.get(
    "/api/operator/circuits",
    summary="Providers and models that are, or were lately, in trouble",
    tags=["operator"],
)
def get_circuits(caller: AsOperator) -> CircuitListAnswer:
    """For operators. Returns the providers and models that Stoa leaves alone at the moment, why, and until when. Stoa
    tries them again by itself."""
    return CircuitListAnswer.of(circuits.list_circuits(caller))


@app.post(
    "/api/operator/circuits/<circuitId>/reset", summary="Use a provider or a model again at once", tags=["operator"]
)
def post_circuit_reset(caller: AsOperator, circuit_id: CircuitId) -> ResetAnswer:
    """For operators. Closes an open circuit by hand. It opens again if calls go on failing."""
    return ResetAnswer.of({"reset": circuits.reset_circuit(caller, circuit_id)})
