"""The front door of the fake AWS: every service has the same address here."""

import json
from collections.abc import Callable
from urllib.parse import parse_qsl

from aiohttp import web
from tests.awsfake.account import Account, Credential
from tests.awsfake.faults import refusal
from tests.awsfake.runtime import MOST_BYTES
from tests.awsfake.scheduler import read_request
from tests.awsfake.services import Services
from tests.awsfake.signature import RawRequest, verify
from tests.awsfake.wire import AwsError, Json, Protocol, error_reply, json_reply, xml_reply

#: Prefix of X-Amz-Target -> signing name.
_TARGETS = {
    "SageMaker": "sagemaker",
    "ServiceQuotasV20190624": "servicequotas",
    "Logs_20140328": "logs",
    "AWSPriceListService": "pricing",
}


class _BrokenConnectionError(Exception):
    """The caller gets no answer."""


class Front:
    """The one handler: finds out who is addressed, who is asking, and has it answered."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request to any of the services."""
        body = await request.read()
        protocol, service = _addressed(request)
        try:
            return await self._answer(request, body, protocol, service)
        except AwsError as error:
            return error_reply(protocol, error)
        except _BrokenConnectionError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    async def _answer(
        self, request: web.Request, body: bytes, protocol: Protocol, service: str
    ) -> web.StreamResponse:
        is_invocation = service == "sagemaker" and protocol == "rest"
        if is_invocation and len(body) > MOST_BYTES:
            # Turned away before anybody looks who is asking, and without an error type.
            text = json.dumps({"message": f"HTTP content length exceeded {MOST_BYTES} bytes."})
            return web.Response(status=413, text=text, content_type="application/json")
        credential = self._verify(request, body, service)
        if is_invocation:
            return await self._services.runtime.answer(request, body, credential)
        operation, given = _asked(request, body, protocol)
        answer = await self._operate(service, operation, given, credential)
        if protocol == "query":
            return xml_reply(operation, answer or {})
        return json_reply(protocol, answer)

    def _verify(self, request: web.Request, body: bytes, service: str) -> Credential:
        raw = RawRequest(
            method=request.method,
            target=request.raw_path,
            headers=tuple(request.headers.items()),
            body=body,
        )
        skew_s = self._services.skew_s
        return verify(raw, self._services.account, service=service, skew_s=skew_s)

    async def _operate(
        self, service: str, operation: str, given: Json, credential: Credential
    ) -> Json | None:
        """Have an operation done, with the fault that the test wants."""
        services = self._services
        services.seen.note(operation)
        rule = services.faults.draw(operation)
        if rule is None:
            return self._dispatch(service, operation, given, credential)
        services.seen.note(f"fault:{rule.fault}")
        match rule.fault:
            case "reset":
                raise _BrokenConnectionError
            case "hang":
                await services.released.wait()
                return self._dispatch(service, operation, given, credential)
            case "lost-reply":
                self._dispatch(service, operation, given, credential)
                raise _BrokenConnectionError
            case "hang-reply":
                answer = self._dispatch(service, operation, given, credential)
                await services.released.wait()
                return answer
            case code:
                raise refusal(code, rule.message)

    def _dispatch(
        self, service: str, operation: str, given: Json, credential: Credential
    ) -> Json | None:
        services = self._services
        answers: dict[str, Callable[[str, Json, str], Json | None]] = {
            "sagemaker": services.control_plane.answer,
            "scheduler": services.scheduler.answer,
            "servicequotas": services.quotas.answer,
            "pricing": services.pricing.answer,
            "iam": services.iam.answer,
        }
        if service in answers:
            return answers[service](operation, given, credential.arn)
        if service == "logs":
            services.account.authorize(credential.arn, f"logs:{operation}", "*")
            return services.logs.answer(operation, given)
        return _caller_identity(services.account, credential)


def _addressed(request: web.Request) -> tuple[Protocol, str]:
    """Return the protocol and the signing name of the service that a request is for."""
    target = request.headers.get("X-Amz-Target")
    if target is not None:
        return "json", _TARGETS.get(target.split(".")[0], "unknown")
    if request.path.startswith("/schedules"):
        return "rest", "scheduler"
    if request.path.startswith("/endpoints/"):
        return "rest", "sagemaker"
    # Of the services that take forms, only the signature tells which is meant.
    is_iam = "/iam/aws4_request" in request.headers.get("Authorization", "")
    return "query", "iam" if is_iam else "sts"


def _asked(request: web.Request, body: bytes, protocol: Protocol) -> tuple[str, Json]:
    """Return the operation that a request is for, with its members."""
    match protocol:
        case "json":
            operation = request.headers["X-Amz-Target"].split(".")[1]
            return operation, _parsed(body or b"{}")
        case "rest":
            operation, members = read_request(request.method, request.raw_path)
            return operation, _parsed(body or b"{}") | members
        case "query":
            form = dict(parse_qsl(body.decode()))
            return form.pop("Action", "unknown"), form


def _parsed(body: bytes) -> Json:
    try:
        members = json.loads(body)
    except ValueError as cause:
        raise AwsError("SerializationException", None) from cause
    if not isinstance(members, dict):
        raise AwsError("SerializationException", "Start of structure or map expected.")
    return members


def _caller_identity(account: Account, credential: Credential) -> Json:
    """Answer STS GetCallerIdentity, which nobody can be denied."""
    return {"Arn": credential.arn, "UserId": credential.access_key, "Account": account.id}
