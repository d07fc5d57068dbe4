import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from tests.waiting import wait_until

from outboard.errors import NotFoundError
from outboard.panel import messages
from outboard.panel.requests import Answer, Requests

DRAFT = {"model_name": "m", "provider": "local", "prompt_template": "x"}


class Desk:
    """Requests that are answered as a test says."""

    def __init__(self, answer: Callable[[BaseModel], Answer]) -> None:
        self.sent: list[dict[str, Any]] = []
        self.buffers: list[list[bytes]] = []
        self.requests = Requests(answer, self._take)

    def _take(self, reply: dict[str, Any], buffers: Any) -> None:
        self.sent.append(reply)
        self.buffers.append(list(buffers))

    def post(self, key: str, kind: str, **payload: Any) -> None:
        self.requests.receive({"id": key, "type": kind, "payload": payload})

    def reply(self, key: str) -> dict[str, Any]:
        wait_until(lambda: self.keys.count(key))
        return next(reply for reply in self.sent if reply["id"] == key)

    def code(self, key: str) -> str:
        code: str = self.reply(key)["error"]["code"]
        return code

    @property
    def keys(self) -> list[str]:
        return [reply["id"] for reply in self.sent]


class Gate:
    """Answers that wait: those to `slow` types until they may pass."""

    def __init__(self, *slow: type[BaseModel]) -> None:
        self._slow = slow
        self.open = threading.Event()
        self.waiting: list[BaseModel] = []

    def __call__(self, request: BaseModel) -> Answer:
        if isinstance(request, self._slow):
            self.waiting.append(request)
            assert self.open.wait(30)
        return Answer({"type": type(request).__name__})


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate(messages.Preflight, messages.Preview, messages.Export, messages.Launch)
    yield gate
    gate.open.set()


def test_request_is_answered_once_with_its_buffer() -> None:
    desk = Desk(lambda _: Answer({"a": 1}, b"rows"))

    desk.post("k", "describe")

    assert desk.reply("k") == {"id": "k", "ok": True, "payload": {"a": 1}}
    assert desk.buffers == [[b"rows"]]


def test_fault_is_answered_with_its_code() -> None:
    def missing(_: BaseModel) -> Answer:
        raise NotFoundError("There is no job.", kind="job", ids=("j",))

    desk = Desk(missing)

    desk.post("k", "cancel", job_id="j")

    error = {"code": "not_found", "message": "There is no job.", "hint": "", "field": None}
    assert desk.reply("k") == {"id": "k", "ok": False, "error": error}


def test_unexpected_fault_is_answered_without_what_it_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: BaseModel) -> Answer:
        raise KeyError("hf_secret")

    desk = Desk(broken)

    desk.post("k", "describe")

    assert desk.code("k") == "internal"
    assert "KeyError" in desk.reply("k")["error"]["message"]
    assert "hf_secret" not in str(desk.sent)
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("drop", {}),
        (None, {}),
        (["describe"], {}),
        ("cancel", None),
        ("cancel", []),
        ("cancel", {"job_id": 7}),
        ("cancel", {"job_id": "j", "more": 1}),
        ("abort", {}),
        ("preview", {"draft": {**DRAFT, "rows": {"kind": "first", "n": 0}}}),
        ("rows", {"job_id": "j", "start": -1, "stop": 3}),
        ("rows", {"job_id": "j", "start": 0, "stop": float("nan")}),
    ],
)
def test_request_of_another_shape_is_answered_as_such(kind: Any, payload: Any) -> None:
    desk = Desk(lambda _: Answer({}))

    desk.requests.receive({"id": "k", "type": kind, "payload": payload})

    assert desk.code("k") == "bad_request"


def test_payload_that_is_nested_without_end_is_answered_as_such() -> None:
    endless: list[Any] = []
    endless.append(endless)
    desk = Desk(lambda _: Answer({}))

    desk.requests.receive({"id": "k", "type": "describe", "payload": endless})

    assert desk.code("k") == "bad_request"


def test_job_is_cancelled_while_slow_work_fills_its_lane(gate: Gate) -> None:
    desk = Desk(gate)
    for n in range(10):
        desk.post(f"slow {n}", "export", job_id="j", target={"kind": "variable", "name": "x"})
    wait_until(lambda: gate.waiting)

    desk.post("stop", "cancel", job_id="j")

    assert desk.reply("stop")["payload"] == {"type": "Cancel"}
    assert desk.keys == ["stop"]


def test_launches_that_take_their_time_do_not_hold_up_a_cancel(gate: Gate) -> None:
    desk = Desk(gate)
    for n in range(5):
        desk.post(f"launch {n}", "launch", draft=DRAFT, token="t" * 16)

    desk.post("stop", "cancel", job_id="j")

    assert desk.reply("stop")["ok"]


def test_waiting_request_that_is_aborted_is_never_worked_on(gate: Gate) -> None:
    desk = Desk(gate)
    for n in range(4):
        desk.post(f"e{n}", "export", job_id=f"j{n}", target={"kind": "variable", "name": "x"})
    wait_until(lambda: len(gate.waiting) == 2)

    desk.post("a", "abort", request="e3")

    assert desk.code("e3") == "aborted"
    gate.open.set()
    wait_until(lambda: {"e0", "e1", "e2"} <= set(desk.keys))
    assert sorted(desk.keys) == ["e0", "e1", "e2", "e3"]
    assert len(gate.waiting) == 3


def test_running_request_that_is_aborted_is_answered_so_and_not_again(gate: Gate) -> None:
    desk = Desk(gate)
    desk.post("p", "preflight", draft=DRAFT)
    wait_until(lambda: gate.waiting)

    desk.post("a", "abort", request="p")

    assert desk.code("p") == "aborted"
    gate.open.set()
    desk.post("after", "preflight", draft=DRAFT)
    assert desk.reply("after")["ok"]
    assert desk.keys == ["p", "after"]


def test_abort_of_what_is_answered_already_does_nothing() -> None:
    desk = Desk(lambda _: Answer({}))
    desk.post("k", "describe")
    desk.reply("k")

    desk.post("a", "abort", request="k")
    desk.post("last", "describe")

    desk.reply("last")
    assert desk.keys == ["k", "last"]


@pytest.mark.parametrize("kind", ["preview", "preflight"])
def test_newer_request_takes_the_place_of_one_that_waits(gate: Gate, kind: str) -> None:
    desk = Desk(gate)
    desk.post("first", kind, draft=DRAFT)
    wait_until(lambda: len(gate.waiting) == 1)
    desk.post("second", kind, draft=DRAFT)  # a lane's worth
    wait_until(lambda: len(gate.waiting) == 2)

    for n in range(5):
        desk.post(f"next {n}", kind, draft=DRAFT)

    assert [desk.code(f"next {n}") for n in range(4)] == ["aborted"] * 4
    gate.open.set()
    assert all(desk.reply(key)["ok"] for key in ("first", "second", "next 4"))
    assert len(desk.keys) == 7


def test_requests_of_another_panel_are_left_alone(gate: Gate) -> None:
    one, other = Desk(gate), Desk(gate)
    for n in range(3):
        one.post(f"{n}", "preflight", draft=DRAFT)

    other.post("other", "preflight", draft=DRAFT)

    gate.open.set()
    assert other.reply("other")["ok"]


def test_second_request_with_an_open_id_gets_no_reply_of_its_own(gate: Gate) -> None:
    desk = Desk(gate)
    desk.post("k", "preflight", draft=DRAFT)
    wait_until(lambda: gate.waiting)

    desk.post("k", "describe")

    gate.open.set()
    assert desk.reply("k")["payload"] == {"type": "Preflight"}
    desk.post("last", "describe")
    desk.reply("last")
    assert desk.keys == ["k", "last"]


def test_reply_that_cannot_be_sent_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[str] = []

    def send(reply: dict[str, Any], _buffers: Any) -> None:
        if not sent:
            sent.append("broken")
            raise ConnectionError
        sent.append(reply["id"])

    requests = Requests(lambda _: Answer({}), send)

    requests.receive({"id": "a", "type": "describe", "payload": {}})
    wait_until(lambda: len(sent) == 1)
    requests.receive({"id": "b", "type": "describe", "payload": {}})
    wait_until(lambda: len(sent) == 2)

    assert sent == ["broken", "b"]
    assert "could not be sent" in caplog.text


def test_closed_panel_answers_nothing_more(gate: Gate) -> None:
    desk = Desk(gate)
    desk.post("p", "preflight", draft=DRAFT)
    wait_until(lambda: gate.waiting)

    desk.requests.close()

    gate.open.set()
    another = Desk(lambda _: Answer({}))
    another.post("k", "preflight", draft=DRAFT)
    another.reply("k")
    assert desk.sent == []
