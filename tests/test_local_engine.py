import http.client
import json
import logging
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from outboard.assets import MODEL
from outboard.errors import InvocationError, ProviderError
from outboard.providers.local_engine import PREFILL_BATCH, Answer, Engine

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def model_file(assets_dir: Path) -> Path:
    return assets_dir / MODEL.file_name


@pytest.fixture(scope="module")
def engine(model_file: Path) -> Iterator[Engine]:
    engine = Engine(model_file, n_slots=2, context_length=512)
    yield engine
    engine.close()


def never() -> bool:
    return False


def body(prompt: str, **settings: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"messages": messages, "max_tokens": 4, "temperature": 0} | settings


def status_without_key(address: str, method: str, path: str) -> int:
    scheme, _, place = address.partition("://")
    connection = http.client.HTTPConnection("localhost" if scheme == "unix" else place)
    if scheme == "unix":
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(place)
    connection.request(method, path, body=json.dumps(body("Hello")))
    status = connection.getresponse().status
    connection.close()
    return status


def listening_ports() -> set[int]:
    connections = psutil.Process().net_connections("inet")
    return {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}


def test_nothing_listens_on_the_network(model_file: Path) -> None:
    before = listening_ports()

    engine = Engine(model_file, n_slots=1, context_length=256, warm_up=False)
    during = listening_ports()
    engine.close()

    assert during == before


def test_socket_of_the_server_inside_is_private(engine: Engine) -> None:
    folder = Path(engine.address.removeprefix("unix://")).parent

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", CHAT), ("POST", "/tokenize"), ("GET", "/slots"), ("GET", "/props")],
)
def test_server_inside_refuses_a_request_without_the_key(
    engine: Engine, method: str, path: str
) -> None:
    assert status_without_key(engine.address, method, path) == http.HTTPStatus.UNAUTHORIZED


def test_loopback_with_the_key_serves_where_a_socket_path_is_too_long(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_folder = tmp_path / ("long" * 20) / ("longer" * 10)
    long_folder.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long_folder))

    engine = Engine(model_file, n_slots=1, context_length=256, warm_up=False)
    status = status_without_key(engine.address, "POST", CHAT)
    answer = engine.chat(body("Hello"), stopped=never)
    n_tokens = engine.count_tokens("Hello")
    engine.close()

    assert status == http.HTTPStatus.UNAUTHORIZED
    assert answer.text
    assert n_tokens == 1


def test_key_is_in_no_log(
    model_file: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        engine = Engine(model_file, n_slots=1, context_length=256, warm_up=False)
        status_without_key(engine.address, "POST", CHAT)
        engine.count_tokens("Hello")
        engine.close()
    output = capfd.readouterr()

    assert engine._key not in caplog.text + output.out + output.err + repr(engine)


def test_closed_engine_leaves_no_file_behind(model_file: Path) -> None:
    engine = Engine(model_file, n_slots=1, context_length=256, warm_up=False)
    folder = Path(engine.address.removeprefix("unix://")).parent

    engine.close()
    engine.close()

    assert not folder.exists()


def test_closed_engine_says_so(model_file: Path) -> None:
    engine = Engine(model_file, n_slots=1, context_length=256, warm_up=False)
    engine.close()

    with pytest.raises(InvocationError, match="closed") as caught:
        engine.chat(body("Hello"), stopped=never)
    with pytest.raises(ProviderError, match="may have been closed"):
        engine.count_tokens("Hello")

    assert caught.value.code == "unavailable"


def test_closing_ends_the_requests_in_flight(model_file: Path) -> None:
    engine = Engine(model_file, n_slots=1, context_length=1024, warm_up=False)

    def close_after_a_token() -> bool:
        engine.close()
        return False

    with pytest.raises(InvocationError, match="before the answer was complete"):
        engine.chat(body("Tell a story.", max_tokens=900), stopped=close_after_a_token)


@pytest.mark.parametrize("kept_bytes", [1_000, 50_000_000])
def test_damaged_file_is_named(model_file: Path, tmp_path: Path, kept_bytes: int) -> None:
    path = tmp_path / "half.gguf"
    path.write_bytes(model_file.read_bytes()[:kept_bytes])

    with pytest.raises(ProviderError, match=r"cannot load .*half\.gguf") as caught:
        Engine(path, n_slots=1, context_length=256)

    assert caught.value.provider == "local"


def test_request_is_stopped_at_the_next_token(engine: Engine) -> None:
    asked = 0

    def at_the_fifth() -> bool:
        nonlocal asked
        asked += 1
        return asked >= 5

    with pytest.raises(InvocationError) as caught:
        engine.chat(body("Tell a story.", max_tokens=400), stopped=at_the_fifth)

    assert asked == 5
    assert caught.value.code == "incomplete_response"


def test_request_can_be_stopped_while_its_prompt_is_computed(engine: Engine) -> None:
    asked = 0

    def after_the_first_batch() -> bool:
        nonlocal asked
        asked += 1
        return asked >= 2

    with pytest.raises(InvocationError, match="after 0 tokens"):
        engine.chat(body("sea " * (PREFILL_BATCH + 30)), stopped=after_the_first_batch)

    assert asked == 2


def test_prompt_beyond_the_context_names_both_numbers(engine: Engine) -> None:
    with pytest.raises(InvocationError, match=r"has 10\d\d tokens.* into 512") as caught:
        engine.chat(body("x " * 1_000), stopped=never)

    assert caught.value.code == "prompt_too_long"


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": "hot"},  # an error that the engine answers
        {"json_schema": {}, "grammar": "root ::= [a]"},  # one that it raises
        {"messages": [{"role": "user", "content": "half a \ud800 character"}]},
    ],
)
def test_bad_request_is_rejected_and_the_next_one_answered(
    engine: Engine, settings: dict[str, Any]
) -> None:
    with pytest.raises(InvocationError) as caught:
        engine.chat(body("Hello", **settings), stopped=never)

    assert caught.value.code == "rejected"
    assert engine.chat(body("Hello"), stopped=never).output_tokens == 4


def test_context_full_ends_the_answer_as_too_long(engine: Engine) -> None:
    # With the 30 tokens of chat template and default system prompt.
    response = engine.chat(body(" x" * 470, max_tokens=400, ignore_eos=True), stopped=never)

    assert response.finish_reason == "length"
    assert response.input_tokens is not None
    assert response.output_tokens is not None
    assert response.input_tokens + response.output_tokens == 512


@pytest.mark.parametrize(
    ("text", "n_tokens"),
    [("", 0), ("hello world", 2), ("<|im_end|>", 1), ("half a \ud800", 3), ('"quoted" \n', 5)],
)
def test_tokens_are_those_of_the_text_alone(engine: Engine, text: str, n_tokens: int) -> None:
    assert engine.count_tokens(text) == n_tokens


def test_answer_without_an_end_is_not_taken_for_one() -> None:
    answer = Answer()
    answer.take({"choices": [{"delta": {"content": "Half"}, "finish_reason": None}]})

    with pytest.raises(InvocationError) as caught:
        answer.response()

    assert caught.value.code == "incomplete_response"


def test_answer_in_an_unknown_shape_is_invalid() -> None:
    answer = Answer()

    assert answer.take({"choices": [{"text": "no delta"}]})

    with pytest.raises(InvocationError) as caught:
        answer.response()
    assert caught.value.code == "invalid_response"


@pytest.mark.parametrize(("status", "code"), [(400, "rejected"), (500, "server_error")])
def test_error_of_the_engine_tells_whose_fault_it_is(status: int, code: str) -> None:
    answer = Answer()

    assert answer.take({"error": {"code": status, "message": "no can do", "type": "some_error"}})

    with pytest.raises(InvocationError, match="no can do") as caught:
        answer.response()
    assert caught.value.code == code


def test_closed_engine_gives_its_files_and_sockets_back(model_file: Path) -> None:
    process = psutil.Process()
    before = process.num_fds()

    engine = Engine(model_file, n_slots=2, context_length=256, n_threads=1)
    during = process.num_fds()
    engine.close()

    assert process.num_fds() == before < during
