import json

import pytest

from outboard.call import InferenceCall
from outboard.config import FinetuningProvider

FULL = InferenceCall(
    model_name='a "b"\nc',
    provider=FinetuningProvider.OPENAI,
    column_mappings={"question's": "instruction", "ü": "response"},
    datasource_uids=(3, 1),
    generation={"temperature": 0.5, "stop": ["\n", "'"], "extra": {"a": [None, True]}},
    deployment={"base_url": "http://localhost:8000/v1", "environment": {"HF_TOKEN": "${MINE}"}},
    prompt_template='{{"q": "{question\'s}"}}\n\t\\ \u2028',
)
BARE = InferenceCall(
    model_name="m", provider=FinetuningProvider.AWS_SAGEMAKER, datasource_uids=(1,)
)


class Recorded:
    """Stands in for the package in code that is executed: notes what is called."""

    FinetuningProvider = FinetuningProvider

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def ExternalModel(self, *arguments: object, **named: object) -> "Recorded":  # noqa: N802
        self.calls.append((arguments, named))
        return self

    def inference(self, *arguments: object, **named: object) -> str:
        self.calls.append((arguments, named))
        return "7"


def executed(source: str) -> tuple[Recorded, dict[str, object]]:
    recorded = Recorded()
    names: dict[str, object] = {"outboard": recorded}
    exec(source.removeprefix("import outboard\n"), names)
    return recorded, names


@pytest.mark.parametrize("call", [FULL, BARE])
def test_call_survives_json(call: InferenceCall) -> None:
    assert InferenceCall.from_json(call.to_json()) == call
    json.loads(call.to_json())


def test_half_a_character_survives_json() -> None:
    call = InferenceCall(
        model_name="m",
        provider=FinetuningProvider.LOCAL,
        datasource_uids=(1,),
        prompt_template="{a}\ud800",
    )

    assert InferenceCall.from_json(call.to_json().encode().decode()) == call


def test_local_instance_is_served_by_the_embedded_engine_whatever_the_provider() -> None:
    local = InferenceCall(
        model_name="m",
        provider=FinetuningProvider.AWS_SAGEMAKER,
        datasource_uids=(1,),
        deployment={"instance_type": "local"},
    )

    assert local.served_by is FinetuningProvider.LOCAL
    assert [BARE.served_by, FULL.served_by] == [BARE.provider, FULL.provider]


def test_python_source_makes_the_same_call() -> None:
    recorded, names = executed(FULL.as_python(x_uids="['doc::7']"))

    assert recorded.calls == [
        (
            ('a "b"\nc', {"question's": "instruction", "ü": "response"}),
            {"finetuning_provider_type": FinetuningProvider.OPENAI},
        ),
        (
            ([3, 1],),
            {
                "x_uids": ["doc::7"],
                "generation_config": FULL.generation,
                "deployment_config": FULL.deployment,
                "prompt_template": FULL.prompt_template,
            },
        ),
    ]
    assert names["source_uid"] == "7"


def test_python_source_leaves_out_what_is_default() -> None:
    assert BARE.as_python() == (
        "import outboard\n\n"
        "model = outboard.ExternalModel('m')\n"
        "source_uid = model.inference([1])\n"
    )
