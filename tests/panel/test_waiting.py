import threading
from typing import Any

from pydantic import BaseModel
from tests.waiting import wait_until

from outboard.panel.requests import Answer, Requests
from outboard.panel.waiting import GivenUpError, anybody_waits, waited_for


def test_somebody_waits_unless_it_is_said_otherwise() -> None:
    assert anybody_waits()

    with waited_for(lambda: False):
        assert not anybody_waits()

    assert anybody_waits()


def test_aborted_request_ends_its_work_without_a_second_reply() -> None:
    began, ended = threading.Event(), threading.Event()
    sent: list[dict[str, Any]] = []

    def answer(_: BaseModel) -> Answer:
        began.set()
        wait_until(lambda: not anybody_waits())
        ended.set()
        raise GivenUpError

    requests = Requests(answer, lambda reply, _: sent.append(reply))
    requests.receive({"id": "r", "type": "log", "payload": {"job_id": "j"}})
    assert began.wait(30)

    requests.receive({"id": "a", "type": "abort", "payload": {"request": "r"}})

    assert ended.wait(30)
    assert [reply["id"] for reply in sent] == ["r"]
    assert sent[0]["error"]["code"] == "aborted"


def test_closed_panel_ends_its_work() -> None:
    began, ended = threading.Event(), threading.Event()

    def answer(_: BaseModel) -> Answer:
        began.set()
        wait_until(lambda: not anybody_waits())
        ended.set()
        raise GivenUpError

    requests = Requests(answer, lambda *_: None)
    requests.receive({"id": "r", "type": "log", "payload": {"job_id": "j"}})
    assert began.wait(30)

    requests.close()

    assert ended.wait(30)
