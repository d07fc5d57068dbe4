"""sagemaker-runtime: invocations of the models behind endpoints."""

import asyncio
import json
import re

from aiohttp import web
from tests.awsfake.account import Account, Credential
from tests.awsfake.catalogue import Catalogue
from tests.awsfake.clock import Clock
from tests.awsfake.containers import ContainerError, format_of_image, read_ask, reply_to
from tests.awsfake.endpoints import Endpoint, Endpoints
from tests.awsfake.generation import Engine, Generator, Oracle
from tests.awsfake.runtime_faults import Draw, FaultContext, play, silent_throttling, take
from tests.awsfake.seen import Seen
from tests.awsfake.streams import parts, streamed
from tests.awsfake.wire import AwsError, request_id_headers

PATH = re.compile(r"/endpoints/(?P<name>[^/]+)/invocations(?P<stream>-response-stream)?")
#: Most bytes of a request body.
MOST_BYTES = 6_291_456

_NO_COMPONENT = (
    "Inference Component Name header is required for endpoints to which you plan to deploy "
    "inference components. Please include Inference Component Name header or consider using "
    "SageMaker models."
)


class Runtime:
    """Answers invocations of the endpoints that are in service."""

    def __init__(
        self,
        account: Account,
        clock: Clock,
        *,
        endpoints: Endpoints,
        catalogue: Catalogue,
        seen: Seen,
        released: asyncio.Event,
    ) -> None:
        self._account = account
        self._clock = clock
        self._endpoints = endpoints
        self._catalogue = catalogue
        self._seen = seen
        self._generator: Generator = Oracle()
        self._released = released
        self.draw = Draw()

    def use_engine(self, base_url: str) -> None:
        """Let a real model behind an OpenAI-compatible server do the talking."""
        self._generator = Engine(base_url)

    async def answer(
        self, request: web.Request, body: bytes, credential: Credential
    ) -> web.StreamResponse:
        """Answer one invocation, or raise the AwsError that it ends with."""
        match = PATH.fullmatch(request.path)
        if match is None:
            raise AwsError("UnknownOperationException", None, status=404)
        name, streaming = match["name"], match["stream"] is not None
        actions = ["sagemaker:InvokeEndpoint"]
        if streaming:
            actions.append("sagemaker:InvokeEndpointWithResponseStream")
        for action in actions:
            self._account.authorize(credential.arn, action, self._account.arn("endpoint", name))
        try:
            endpoint = self._serving(name, request)
        except AwsError as error:
            self._seen.refused[error.code] += 1
            self._seen.changed()
            raise
        endpoint.in_flight += 1
        self._seen.enter()
        try:
            return await self._invoke(request, body, endpoint, streaming=streaming)
        except ContainerError as error:
            raise self._model_error(endpoint.name, error) from error
        except asyncio.CancelledError:
            self._seen.abandoned += 1
            raise
        finally:
            endpoint.in_flight -= 1
            self._seen.leave()

    def _serving(self, name: str, request: web.Request) -> Endpoint:
        """Return the endpoint, if it takes this request now."""
        endpoint = self._endpoints.serving(name)
        if endpoint is None:
            raise AwsError(
                "ValidationError", f"Endpoint {name} of account {self._account.id} not found."
            )
        components = [c["InferenceComponentName"] for c in self._catalogue.components_of(name)]
        asked = request.headers.get("X-Amzn-SageMaker-Inference-Component")
        if components and asked is None:
            raise AwsError("ValidationError", _NO_COMPONENT)
        if asked is not None and asked not in components:
            raise AwsError("ValidationError", f"Inference Component {asked} not found.")
        most = endpoint.plan.max_in_flight
        if most is not None and endpoint.in_flight >= most:
            raise silent_throttling()
        return endpoint

    async def _invoke(
        self, request: web.Request, body: bytes, endpoint: Endpoint, *, streaming: bool
    ) -> web.StreamResponse:
        plan = endpoint.plan
        variant = endpoint.variants[0]["VariantName"]
        payload_format = (
            format_of_image(endpoint.images[variant])
            if plan.payload_format == "auto"
            else plan.payload_format
        )
        attributes = request.headers.get("X-Amzn-SageMaker-Custom-Attributes", "")
        ask = read_ask(body, payload_format, attributes, plan.context_length)
        attempt = self._note(request, body, ask.prompt)
        if plan.latency_s:
            await take(plan.latency_s, self._clock.sleep)
        completion = await self._generator.complete(ask)
        if streaming:
            content_type, data = streamed(ask, completion)
            data = b"".join(parts(data))
            headers = {
                "Content-Type": "application/vnd.amazon.eventstream",
                "X-Amzn-SageMaker-Content-Type": content_type,
            }
        else:
            data = json.dumps(reply_to(ask, completion)).encode()
            headers = {"Content-Type": "application/json"}
        headers |= {"x-Amzn-Invoked-Production-Variant": variant, **request_id_headers()}
        reply = web.Response(body=data, headers=headers)
        fault, pairs = self.draw.fault_for(ask.prompt, attempt)
        if fault is None:
            return reply
        context = FaultContext(
            request=request,
            reply=reply,
            streaming=streaming,
            released=self._released,
            sleep=self._clock.sleep,
            pairs=pairs,
        )
        return await self._play(fault, context)

    async def _play(self, fault: str, context: FaultContext) -> web.StreamResponse:
        """Play a fault, with the headers that its marker asks for."""
        self._seen.note(f"fault:{fault}")
        headers = {k: v for k, v in context.pairs.items() if k.startswith("x-")}
        try:
            response = await play(fault, context)
        except (ContainerError, AwsError) as error:
            error.headers |= headers
            raise
        if not response.prepared:
            response.headers.update(headers)
        return response

    def _note(self, request: web.Request, body: bytes, prompt: str) -> int:
        """Note a request that reached a model, and return how often its prompt has come."""
        seen = self._seen
        seen.prompts[prompt] += 1
        seen.bodies.append(json.loads(body))
        hidden = {"authorization", "x-amz-security-token"}
        seen.headers.append({k: v for k, v in request.headers.items() if k.lower() not in hidden})
        if request.transport is not None:
            seen.client_ports.add(request.transport.get_extra_info("peername")[1])
        seen.note("InvokeEndpoint")
        return seen.prompts[prompt]

    def _model_error(self, endpoint_name: str, error: ContainerError) -> AwsError:
        """Return a container's error as SageMaker wraps it."""
        region, account = self._account.region, self._account.id
        group = f"/aws/sagemaker/Endpoints/{endpoint_name}"
        side = "client" if 400 <= error.status < 500 else "server"
        return AwsError(
            "ModelError",
            f'Received {side} error ({error.status}) from primary with message "{error.body}". '
            f"See https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
            f"#logEventViewer:group={group} in account {account} for more information.",
            status=424,
            headers=error.headers,
            OriginalStatusCode=error.status,
            OriginalMessage=error.body,
            LogStreamArn=f"arn:aws:logs:{region}:{account}:log-group:{group}",
        )
