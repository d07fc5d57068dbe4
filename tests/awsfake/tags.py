"""The tags on SageMaker resources."""

from tests.awsfake.listing import cut
from tests.awsfake.wire import AwsError, Json

Tag = dict[str, str]
MOST_TAGS = 50


class Tags:
    """Tags by ARN. A resource is known here for as long as it exists."""

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}

    def register(self, arn: str, tags: list[Tag]) -> None:
        """Note a new resource with its first tags."""
        keys = [tag["Key"] for tag in tags]
        if len(set(keys)) < len(keys):
            raise AwsError("ValidationException", "Duplicate tag keys found in the request.")
        self._tags[arn] = {tag["Key"]: tag["Value"] for tag in tags}

    def forget(self, arn: str) -> None:
        """Note that a resource is gone."""
        self._tags.pop(arn, None)

    def of(self, arn: str) -> dict[str, str]:
        """Return the tags of a resource, none if it is unknown."""
        return dict(self._tags.get(arn, {}))

    def add(self, given: Json) -> Json:
        """Answer AddTags."""
        tags = self._existing(given["ResourceArn"])
        merged = tags | {tag["Key"]: tag["Value"] for tag in given["Tags"]}
        if len(merged) > MOST_TAGS:
            raise AwsError(
                "ResourceLimitExceeded", f"A resource can have at most {MOST_TAGS} tags."
            )
        tags.update(merged)
        return {"Tags": _as_list(tags)}

    def summaries(self, given: Json) -> Json:
        """Answer ListTags."""
        tags, token = cut(given, _as_list(self._existing(given["ResourceArn"])), default=50)
        return {"Tags": tags, **token}

    def _existing(self, arn: str) -> dict[str, str]:
        if arn not in self._tags:
            kind = arn.split(":", 5)[5].partition("/")[0].replace("-config", " configuration")
            raise AwsError("ValidationException", f'Could not find {kind} "{arn}".')
        return self._tags[arn]


def _as_list(tags: dict[str, str]) -> list[Tag]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
