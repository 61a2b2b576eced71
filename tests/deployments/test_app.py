from __future__ import annotations

from cluster.contracts.models import ModelKind
from cluster.contracts.serving import ReplicaSpec
from cluster.serving.args import ModelsArgs
from deployments.app import CLASSES, build


def spec(model: str, kind: ModelKind) -> ReplicaSpec:
    return ReplicaSpec(
        model=model,
        kind=kind,
        engine="llama_cpp",
        path="/weights",
        dtype="float32",
        device="cpu",
        device_name="cpu",
        budget_bytes=0,
        device_bytes=0,
    )


def names(application: object) -> set[str]:
    bound = application._bound_deployment  # type: ignore[attr-defined]
    return {bound.name, *(argument._bound_deployment.name for argument in bound.init_args)}


def test_every_model_is_a_deployment_named_by_its_id() -> None:
    args = ModelsArgs(models=tuple(spec(f"my-{kind}", kind) for kind in CLASSES))
    assert names(build(args)) == {"Models", *(f"my-{kind}" for kind in CLASSES)}


def test_serve_may_hand_the_arguments_over_as_json() -> None:
    args = ModelsArgs(models=(spec("a", ModelKind.LLM),))
    assert names(build(args.model_dump(mode="json"))) == {"Models", "a"}


def test_every_kind_has_a_deployment() -> None:
    assert set(CLASSES) == set(ModelKind)
