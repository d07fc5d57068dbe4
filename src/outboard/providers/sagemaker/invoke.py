"""Signed requests to the model behind an endpoint."""

import asyncio
from urllib.parse import quote

from botocore.httpsession import get_cert_path
from yarl import URL

from outboard.config import DeploymentConfig, GenerationConfig
from outboard.errors import InvocationError
from outboard.providers import OnText, Request, Response
from outboard.providers.http import HttpServer, Reply
from outboard.providers.sagemaker.answer import decode
from outboard.providers.sagemaker.aws import PROVIDER, Aws
from outboard.providers.sagemaker.deployable import RunningEndpoint
from outboard.providers.sagemaker.event_stream import EventStream
from outboard.providers.sagemaker.keys import Keys
from outboard.providers.sagemaker.payload import Payload, PayloadFormat, format_of_image
from outboard.providers.sagemaker.probe import find_format
from outboard.providers.sagemaker.service_error import ServiceError
from outboard.providers.sagemaker.signing import Signer
from outboard.providers.streamed_answer import StreamedAnswer

#: Longest request body that SageMaker takes, in bytes (botocore's service model).
MAX_REQUEST_BYTES = 6_291_456

# SageMaker grants a container 60 s. Whoever stops listening before hears of no timeout, and
# pays for an answer that nobody reads.
_READ_TIMEOUT_S = 75.0


class Invoker:
    """Sends rows to an endpoint: aiohttp with our own signature, at a sixth of boto3's cost.

    Region, address, proxies, certificates and credentials are those that boto3 would use.

    Parameters
    ----------
    aws : Aws
        Where the endpoint is. Its client is made here, which may block for some 0.1 s.
    endpoint : RunningEndpoint
        In service.
    generation : GenerationConfig
        Decoding settings.
    deployment : DeploymentConfig
        `payload_format`, `max_concurrency`, `request_timeout_s`.

    Raises
    ------
    ConfigError
        If `extra` cannot be sent.
    """

    def __init__(
        self,
        aws: Aws,
        endpoint: RunningEndpoint,
        *,
        generation: GenerationConfig,
        deployment: DeploymentConfig,
    ) -> None:
        self._endpoint = endpoint
        self._generation = generation
        self._timeout_s = min(deployment.request_timeout_s, _READ_TIMEOUT_S)
        runtime = aws.client("sagemaker-runtime").meta
        self._region: str = runtime.region_name
        address = URL(runtime.endpoint_url)
        path = f"/endpoints/{quote(endpoint.name, safe='')}/invocations"
        self._url = address.with_path(address.raw_path.rstrip("/") + path, encoded=True)
        self._stream_url = self._url.with_path(
            self._url.raw_path + "-response-stream", encoded=True
        )
        self._streams = True  # until it is found not to
        self._keys = Keys(aws)
        self._http = HttpServer(
            address,
            provider=PROVIDER,
            headers={},
            max_connections=deployment.max_concurrency or 0,  # the sender of the rows bounds them
            timeout_s=deployment.request_timeout_s,
            read_timeout_s=_READ_TIMEOUT_S,
            ca_bundle=aws.ca_bundle or get_cert_path(verify=True),
            ca_variable="AWS_CA_BUNDLE",
        )
        self._detecting = asyncio.Lock()
        self._speech: tuple[Payload, Signer] | None = None
        if (known := _known_format(endpoint, deployment)) is not None:
            self._speech = self._speak(known)

    async def detect_format(self) -> PayloadFormat:
        """Return the format that the endpoint speaks: as asked for, by its image, or by probing.

        Probing sends one or two requests for one token, once.

        Raises
        ------
        ProviderError
            If it speaks none that we know, or does not answer.
        CredentialsError
            If it may not be asked.
        """
        payload, _ = self._speech or await self._learn_to_speak()
        return payload.format

    async def invoke(self, request: Request, on_text: OnText | None = None) -> Response:
        """Send one row and return its response.

        With `on_text` the answer is asked for in pieces, unless the container's format has none.
        Where that is not allowed, or not understood, the row is sent again to be answered whole.

        Raises
        ------
        InvocationError
            If this request failed; `code` says how.
        CredentialsError
            If AWS refuses the credentials, renewed ones as well, or the action.
        ProviderError
            If the endpoint is gone or cannot be used: no further row can succeed.
        """
        payload, signer = self._speech or await self._learn_to_speak()
        if on_text is not None and payload.streams and self._streams:
            response = await self._streamed(payload, request, on_text)
            if response is not None:
                return response
        return self._response(await self._exchange(signer, payload.encode(request)))

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._http.close()

    async def _streamed(
        self, payload: Payload, request: Request, on_text: OnText
    ) -> Response | None:
        """Return the response that comes in pieces; None if it has to be asked for whole."""
        signer = self._signer(payload, self._stream_url, accept="*/*")
        pieces = StreamedAnswer(on_text)
        answer = await self._exchange(signer, payload.encode_streaming(request), pieces)
        if not isinstance(answer, ServiceError) or not answer.streaming_refused:
            try:
                return self._response(answer)
            except InvocationError as fault:
                if fault.code != "invalid_response":
                    raise
        self._streams = False
        return None

    def _response(self, answer: bytes | ServiceError) -> Response:
        if isinstance(answer, ServiceError):
            raise answer.to_error(endpoint_name=self._endpoint.name, region=self._region)
        return decode(answer, endpoint_name=self._endpoint.name)

    async def _learn_to_speak(self) -> tuple[Payload, Signer]:
        async with self._detecting:
            if self._speech is None:
                found = await find_format(
                    lambda payload, body: self._exchange(self._signer(payload), body),
                    endpoint_name=self._endpoint.name,
                    region=self._region,
                )
                self._speech = self._speak(found)
            return self._speech

    def _speak(self, payload_format: PayloadFormat) -> tuple[Payload, Signer]:
        payload = Payload(payload_format, self._generation)
        return payload, self._signer(payload)

    def _signer(
        self, payload: Payload, url: URL | None = None, *, accept: str = "application/json"
    ) -> Signer:
        headers = {"Accept": accept, "Content-Type": "application/json"}
        if self._endpoint.component:
            headers["X-Amzn-SageMaker-Inference-Component"] = self._endpoint.component
        return Signer(url or self._url, {**headers, **payload.headers}, region=self._region)

    async def _exchange(
        self, signer: Signer, body: bytes, pieces: StreamedAnswer | None = None
    ) -> bytes | ServiceError:
        """Return the container's answer, or a refusal that is not about the signature's age."""
        if len(body) > MAX_REQUEST_BYTES:
            raise InvocationError(
                f"The request has {len(body):,} bytes, and SageMaker takes {MAX_REQUEST_BYTES:,}. "
                "Shorten the row.",
                code="request_too_large",
            )
        keys = await self._keys.current()
        reply = await self._post(signer.sign(body, keys), body, pieces)
        if reply.status == 200:
            return reply.body
        error = ServiceError.read(reply)
        if not error.keys_refused:
            return error
        keys = await self._keys.renewed(keys)
        reply = await self._post(signer.sign(body, keys), body, pieces)
        return reply.body if reply.status == 200 else ServiceError.read(reply)

    async def _post(
        self, headers: dict[str, str], body: bytes, pieces: StreamedAnswer | None
    ) -> Reply:
        try:
            if pieces is None:
                return await self._http.post(self._url, body, headers=headers)
            take = EventStream(pieces.take).take
            reply = await self._http.post_streaming(self._stream_url, body, take, headers=headers)
            return reply._replace(body=pieces.body()) if reply.status == 200 else reply
        except InvocationError as fault:
            if fault.code != "timeout":
                raise
            raise InvocationError(
                f"Endpoint {self._endpoint.name!r} did not answer within {self._timeout_s:g} s. "
                "Lower max_new_tokens or max_concurrency.",
                code="timeout",
            ) from fault


def _known_format(endpoint: RunningEndpoint, deployment: DeploymentConfig) -> PayloadFormat | None:
    if deployment.payload_format != "auto":
        return PayloadFormat(deployment.payload_format)
    if endpoint.payload_format is not None:
        return endpoint.payload_format
    return format_of_image(endpoint.image_uri) if endpoint.image_uri else None
