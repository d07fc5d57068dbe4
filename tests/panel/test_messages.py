import base64
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.panel.shapes import REPLIES, differences

from outboard.errors import ConfigError
from outboard.panel import messages, replies

EXAMPLES: dict[str, Any] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "messages").glob("*.json"))
}
REQUESTS = [name for name, example in EXAMPLES.items() if "request" in example]
TRAITS = {
    "job": replies.JobSnapshot | None,
    "versions": replies.Versions,
    "session": replies.Session,
}


@pytest.mark.parametrize("name", REQUESTS)
def test_example_request_is_understood(name: str) -> None:
    request = EXAMPLES[name]["request"]

    payload = messages.parse_request(request["type"], request["payload"])

    assert json.loads(payload.model_dump_json()) == request["payload"]


@pytest.mark.parametrize("name", REQUESTS)
def test_example_reply_has_its_shape(name: str) -> None:
    request, reply = EXAMPLES[name]["request"], EXAMPLES[name]["reply"]

    if reply["ok"]:
        assert differences(REPLIES[request["type"]], reply["payload"]) == []
        assert reply["id"] == request["id"]
    else:
        assert differences(replies.ErrorItem, reply["error"]) == []


@pytest.mark.parametrize("name", [name for name, each in EXAMPLES.items() if "trait" in each])
def test_example_trait_has_its_shape(name: str) -> None:
    trait, value = EXAMPLES[name]["trait"], EXAMPLES[name]["value"]

    if trait == "call":
        assert messages.Draft.model_validate(value).model_dump(mode="json") == value
    else:
        assert differences(TRAITS[trait], value) == []


@pytest.mark.parametrize("name", ["rows", "prompts"])
def test_example_buffer_is_arrow_with_the_rows_beside_it(name: str) -> None:
    example = EXAMPLES[name]

    table = pa.ipc.open_stream(base64.b64decode(example["buffer"])).read_all()

    assert table.to_pylist() == example["rows"]
    assert table.column_names == example["columns"]


def test_every_request_has_an_example_and_a_shape_of_its_reply() -> None:
    assert set(messages.REQUESTS) <= {EXAMPLES[name]["request"]["type"] for name in REQUESTS}
    assert set(messages.REQUESTS) - {"abort"} == set(REPLIES)


def test_beat_has_its_shape() -> None:
    assert differences(replies.Beat, EXAMPLES["beat"]["message"]) == []


def test_an_unknown_request_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"knows no request 'drop'.*Reload the page"):
        messages.parse_request("drop", {})


@pytest.mark.parametrize("kind", [None, 3, ["describe"], {"a": 1}])
def test_a_request_without_a_name_is_refused(kind: object) -> None:
    with pytest.raises(ConfigError, match="knows no request"):
        messages.parse_request(kind, {})


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        ("cancel", {}, "job_id"),
        ("cancel", {"job_id": 3}, "job_id"),
        ("cancel", {"job_id": "j", "force": True}, "force"),
        ("cancel", None, "payload"),
        ("datasources", {"limit": 0}, "limit"),
        ("launch", {"draft": {}, "token": "12345678"}, "draft.model_name"),
    ],
)
def test_a_payload_of_another_shape_is_refused_naming_the_part(
    kind: str, payload: object, field: str
) -> None:
    with pytest.raises(ConfigError, match=f"Request '{kind}'") as caught:
        messages.parse_request(kind, payload)

    assert caught.value.field == field
