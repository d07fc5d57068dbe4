"""EventBridge Scheduler: one-time schedules that really fire."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, unquote
from zoneinfo import ZoneInfo

from tests.awsfake.account import Account
from tests.awsfake.clock import Clock, Timer
from tests.awsfake.control_plane import ControlPlane
from tests.awsfake.seen import Seen
from tests.awsfake.shapes import check
from tests.awsfake.wire import AwsError, Json

DELETE_ENDPOINT = "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
#: Between two attempts at a target that refuses, in seconds.
RETRY_EVERY_S = 60.0

_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_METHODS = {
    "POST": "CreateSchedule",
    "PUT": "UpdateSchedule",
    "GET": "GetSchedule",
    "DELETE": "DeleteSchedule",
}


@dataclass
class Schedule:
    """One schedule, as the last Create or Update left it."""

    members: Json
    #: Virtual time, in seconds since the epoch.
    due: float
    timer: Timer | None = None
    attempts: int = 0


class Scheduler:
    """The schedules of the account, driven by the virtual clock."""

    def __init__(
        self, account: Account, clock: Clock, control_plane: ControlPlane, seen: Seen
    ) -> None:
        self._account = account
        self._clock = clock
        self._control_plane = control_plane
        self._seen = seen
        #: Whether a target's refusal is tried again as `RetryPolicy` says. AWS does not tell.
        self.retries_refusals = True
        self._schedules: dict[tuple[str, str], Schedule] = {}

    def names(self) -> list[str]:
        """Return the names of all there are."""
        return [name for _, name in self._schedules]

    def answer(self, operation: str, given: Json, principal: str) -> Json:
        """Return what an operation answers with."""
        group, name = given.get("GroupName", "default"), given.get("Name", "*")
        arn = f"arn:aws:scheduler:{self._account.region}:{self._account.id}:schedule/{group}/{name}"
        if operation not in {*_METHODS.values(), "ListSchedules"}:
            raise AwsError("UnknownOperationException", None, status=404)
        self._account.authorize(principal, f"scheduler:{operation}", arn)
        check("scheduler", operation, given)
        if group != "default":
            raise AwsError(
                "ResourceNotFoundException", f"Schedule group {group} does not exist.", status=404
            )
        key = (group, name)
        match operation:
            case "CreateSchedule":
                return self._create(key, arn, given, principal)
            case "UpdateSchedule":
                return self._update(key, arn, given, principal)
            case "GetSchedule":
                return self._find(key).members
            case "DeleteSchedule":
                self._drop(key)
                return {}
            case _:
                return self._list(given)

    def _create(self, key: tuple[str, str], arn: str, given: Json, principal: str) -> Json:
        if key in self._schedules:
            raise AwsError("ConflictException", f"Schedule {key[1]} already exists.", status=409)
        due = self._checked(given, principal)
        dates = {"Arn": arn, "CreationDate": self._clock.client_now()}
        self._put(key, given, dates, due)
        return {"ScheduleArn": arn}

    def _update(self, key: tuple[str, str], arn: str, given: Json, principal: str) -> Json:
        before = self._find(key)
        due = self._checked(given, principal)
        self._drop(key)
        dates = {"Arn": arn, "CreationDate": before.members["CreationDate"]}
        # A full replacement: what is not sent again is lost.
        self._put(key, given, dates, due)
        return {"ScheduleArn": arn}

    def _put(self, key: tuple[str, str], given: Json, dates: Json, due: float) -> None:
        defaults = {
            "GroupName": key[0],
            "State": "ENABLED",
            "ScheduleExpressionTimezone": "UTC",
            "ActionAfterCompletion": "NONE",
        }
        given = {name: value for name, value in given.items() if name != "ClientToken"}
        dates = dates | {"LastModificationDate": self._clock.client_now()}
        schedule = Schedule(defaults | given | dates, due)
        self._schedules[key] = schedule
        if schedule.members["State"] == "ENABLED":
            delay_s = due - self._clock.now()
            schedule.timer = self._clock.after(delay_s, lambda: self._fire(key, schedule))

    def _checked(self, given: Json, principal: str) -> float:
        """Return when it is due, or refuse."""
        expression = given["ScheduleExpression"]
        match = _AT.fullmatch(expression)
        try:
            zone = ZoneInfo(given.get("ScheduleExpressionTimezone", "UTC"))
            moment = datetime.fromisoformat(match[1]).replace(tzinfo=zone) if match else None
        except (ValueError, OSError, KeyError):
            moment = None
        if moment is None:
            raise _invalid(f"Invalid Schedule Expression {expression}.")
        due = self._clock.from_client(moment.timestamp())
        if due < self._clock.now():
            raise _invalid(f"Invalid Schedule Expression {expression}: the time is in the past.")
        target = given["Target"]
        if target["Arn"] != DELETE_ENDPOINT:
            raise _invalid("Provided Arn is not in correct format.")
        role = target["RoleArn"]
        self._account.pass_role(principal, role)
        if role in self._account.missing_roles:
            raise _invalid(
                "The execution role you provide must allow AWS EventBridge Scheduler to assume "
                "the role."
            )
        return due

    def _fire(self, key: tuple[str, str], schedule: Schedule) -> None:
        """Call the target, and again later if it refuses."""
        if schedule.attempts == 0:
            self._seen.note("schedule:fired")
        schedule.attempts += 1
        target = schedule.members["Target"]
        try:
            given = json.loads(target.get("Input", "{}"))
            self._control_plane.answer("DeleteEndpoint", given, target["RoleArn"])
        except (AwsError, ValueError):
            self._seen.note("schedule:refused")
            policy = target.get("RetryPolicy", {})
            late_s = self._clock.now() + RETRY_EVERY_S - schedule.due
            if (
                self.retries_refusals
                and schedule.attempts <= policy.get("MaximumRetryAttempts", 185)
                and late_s <= policy.get("MaximumEventAgeInSeconds", 86_400)
            ):
                schedule.timer = self._clock.after(RETRY_EVERY_S, lambda: self._fire(key, schedule))
                return
        if schedule.members["ActionAfterCompletion"] == "DELETE":
            self._drop(key)

    def _list(self, given: Json) -> Json:
        prefix = given.get("NamePrefix", "")
        kept = ("Arn", "CreationDate", "GroupName", "LastModificationDate", "Name", "State")
        found = [
            {name: shown[name] for name in kept} | {"Target": {"Arn": shown["Target"]["Arn"]}}
            for shown in (schedule.members for schedule in self._schedules.values())
            if shown["Name"].startswith(prefix)
        ]
        return {"Schedules": found}

    def _find(self, key: tuple[str, str]) -> Schedule:
        if key not in self._schedules:
            raise AwsError(
                "ResourceNotFoundException", f"Schedule {key[1]} does not exist.", status=404
            )
        return self._schedules[key]

    def _drop(self, key: tuple[str, str]) -> None:
        schedule = self._find(key)
        del self._schedules[key]
        if schedule.timer is not None:
            schedule.timer.cancel()


def read_request(method: str, target: str) -> tuple[str, Json]:
    """Return the operation that a request is for, with the members outside its body."""
    path, _, query = target.partition("?")
    name = unquote(path.removeprefix("/schedules").strip("/"))
    sent = dict(parse_qsl(query))
    if not name:
        return "ListSchedules", sent
    group = {"GroupName": sent["groupName"]} if "groupName" in sent else {}
    return _METHODS.get(method, "unknown"), group | {"Name": name}


def _invalid(text: str) -> AwsError:
    return AwsError("ValidationException", text)
