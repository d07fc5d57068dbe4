"""CloudWatch Logs of the containers behind endpoints."""

from collections import defaultdict
from hashlib import sha256

from tests.awsfake.clock import Clock
from tests.awsfake.wire import AwsError, Json


class Logs:
    """Log groups by name. They outlive their endpoint, as they do on AWS."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._groups: defaultdict[str, dict[str, list[Json]]] = defaultdict(dict)

    def write(self, endpoint_name: str, variant: str, lines: tuple[str, ...]) -> None:
        """Log lines of a container; its stream begins to exist with the first one."""
        instance = f"i-{sha256(endpoint_name.encode()).hexdigest()[:17]}"
        streams = self._groups[f"/aws/sagemaker/Endpoints/{endpoint_name}"]
        events = streams.setdefault(f"{variant}/{instance}", [])
        for line in lines:
            number = len(events)
            events.append(
                {"message": line, "at": self._clock.client_now(), "eventId": f"{number:056d}"}
            )

    def answer(self, operation: str, given: Json) -> Json:
        """Return what an operation answers with."""
        match operation:
            case "DescribeLogStreams":
                return self._describe_log_streams(given)
            case "GetLogEvents":
                return self._get_log_events(given)
            case "FilterLogEvents":
                return self._filter_log_events(given)
            case _:
                raise AwsError("UnknownOperationException", None)

    def _describe_log_streams(self, given: Json) -> Json:
        prefix = given.get("logStreamNamePrefix", "")
        shown = []
        for name, events in self._group(given).items():
            if name.startswith(prefix):
                times = [_millis(event) for event in events]
                shown.append(
                    {
                        "logStreamName": name,
                        "creationTime": times[0],
                        "firstEventTimestamp": times[0],
                        "lastEventTimestamp": times[-1],
                    }
                )
        return {"logStreams": shown}

    def _get_log_events(self, given: Json) -> Json:
        """Return the newest `limit` events, or the oldest if asked."""
        name = given.get("logStreamName", "")
        events = self._group(given).get(name)
        if events is None:
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        limit = given.get("limit", 10_000)
        chosen = events[:limit] if given.get("startFromHead") else events[-limit:]
        shown = [_shown(event) for event in chosen]
        # The tokens never end: a client that waits for none of them loops for ever.
        return {
            "events": shown,
            "nextForwardToken": f"f/{len(events)}",
            "nextBackwardToken": f"b/{len(events) - len(chosen)}",
        }

    def _filter_log_events(self, given: Json) -> Json:
        """Return what matches; a filter pattern is taken as one literal term."""
        term = given.get("filterPattern", "").strip('"')
        wanted = given.get("logStreamNames")
        found = [
            _shown(event) | {"logStreamName": name, "eventId": event["eventId"]}
            for name, events in self._group(given).items()
            if wanted is None or name in wanted
            for event in events
            if term in event["message"]
        ]
        return {"events": found[: given.get("limit", 10_000)], "searchedLogStreams": []}

    def _group(self, given: Json) -> dict[str, list[Json]]:
        name = given.get("logGroupName", "")
        if name not in self._groups:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        return self._groups[name]


def _shown(event: Json) -> Json:
    moment = _millis(event)
    return {"message": event["message"], "timestamp": moment, "ingestionTime": moment}


def _millis(event: Json) -> int:
    return int(event["at"] * 1_000)
