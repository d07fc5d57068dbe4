"""The server that other tests rely on: what it promises them."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.openai_client import ask
from tests.openai_server import OpenAIServer, answer_to

from outboard.errors import InvocationError


def codes(server: OpenAIServer | str, prompts: list[str]) -> list[str]:
    found = []
    for prompt in prompts:
        try:
            ask(server, prompt)
        except InvocationError as error:
            found.append(error.code)
        else:
            found.append("ok")
    return found


def test_marker_with_a_count_fails_that_often() -> None:
    with OpenAIServer() as server:
        assert codes(server, ["<fault:503*2>"] * 3) == ["unavailable", "unavailable", "ok"]
        assert server.seen.faults == {"503": 2}


def test_chance_strikes_the_same_requests_in_any_order() -> None:
    prompts = [f"row {n}" for n in range(40)]

    with OpenAIServer(fault_rates={"429": 0.3, "500": 0.2}, seed=5) as server:
        forwards = codes(server, prompts)
    with OpenAIServer(fault_rates={"429": 0.3, "500": 0.2}, seed=5) as server:
        backwards = codes(server, prompts[::-1])

    assert backwards == forwards[::-1]
    assert set(forwards) == {"ok", "throttled", "server_error"}


def test_answers_differ_by_prompt_and_by_system_prompt() -> None:
    answers = {
        answer_to("a"),
        answer_to("b"),
        answer_to("a", system="b"),
        answer_to("b", system="a"),
    }

    assert len(answers) == 4


def test_waiting_for_what_never_happens_times_out() -> None:
    with OpenAIServer() as server, pytest.raises(TimeoutError, match="seen so far"):
        server.wait_until(lambda seen: seen.requests > 0, timeout_s=0.05)


def test_as_a_process_it_serves_until_its_input_ends() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.openai_server", "--fault-rates", '{"418": 1}'],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        found = codes(base_url, ["hello"])
        with urlopen(base_url.removesuffix("/v1") + "/seen") as reply:
            seen = json.load(reply)
        process.stdin.close()

    assert found == ["rejected"]
    assert seen["prompts"] == {"hello": 1}
    assert process.returncode == 0
