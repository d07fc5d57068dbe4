"""Rows on their way to a model behind an endpoint, and back."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.awsfake.account import SECRET_KEY
from tests.awsfake.driver import LMI_IMAGE, TGI_IMAGE, VLLM_IMAGE
from tests.awsfake.server import AwsFake
from tests.openai_server import OpenAIServer, answer_to
from tests.test_http import certificate, tls_server

from outboard.config import DeploymentConfig, GenerationConfig
from outboard.errors import (
    ConfigError,
    CredentialsError,
    InvocationError,
    OutboardError,
    ProviderError,
)
from outboard.providers import Request, Response
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.deployable import RunningEndpoint
from outboard.providers.sagemaker.invoke import MAX_REQUEST_BYTES, Invoker
from outboard.providers.sagemaker.payload import Payload, PayloadFormat
from outboard.retry import RULES

T = TypeVar("T")

__all__ = ["certificate"]  # a fixture

ENDPOINT = "My-Endpoint"
JUMPSTART_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/jumpstart-llama2:1"
UNKNOWN_IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/our-own:7"
IMAGES = {
    PayloadFormat.TGI: TGI_IMAGE,
    PayloadFormat.LMI: LMI_IMAGE,
    PayloadFormat.OPENAI: VLLM_IMAGE,
    PayloadFormat.JUMPSTART: JUMPSTART_IMAGE,
}


def invoker(
    aws: Aws, image: str | None = TGI_IMAGE, *, component: str | None = None, **settings: Any
) -> Invoker:
    """Return an invoker, which must be closed; settings of both configs go side by side."""
    deployment = {k: v for k, v in settings.items() if k in DeploymentConfig.model_fields}
    generation = {k: v for k, v in settings.items() if k not in deployment}
    return Invoker(
        aws,
        RunningEndpoint(name=ENDPOINT, component=component, image_uri=image),
        generation=GenerationConfig(**generation),
        deployment=DeploymentConfig(**deployment),
    )


def use(invoker: Invoker, action: Callable[[Invoker], Awaitable[T]]) -> T:
    """Run `action` in an event loop, and close the invoker."""

    async def session() -> T:
        try:
            return await action(invoker)
        finally:
            await invoker.close()

    return asyncio.run(session())


def ask(invoker: Invoker, prompt: str = "Say hi", *, system: str | None = None) -> Response:
    return use(invoker, lambda i: i.invoke(Request(prompt=prompt, system=system)))


def fault(invoker: Invoker, name: str) -> InvocationError:
    """Return what a row fails with that meets a fault of the fake."""
    with pytest.raises(InvocationError) as caught:
        ask(invoker, f"Row <fault:{name}>")
    return caught.value


@pytest.fixture
def endpoint(fake: AwsFake) -> AwsFake:
    """The fake with a TGI endpoint in service that is somebody's own."""
    fake.running_endpoint(ENDPOINT, image=TGI_IMAGE)
    return fake


# --- what goes out


@pytest.mark.parametrize("payload_format", list(PayloadFormat))
def test_row_gets_its_answer_from_every_container(
    fake: AwsFake, aws: Aws, payload_format: PayloadFormat
) -> None:
    fake.plan(payload_format=payload_format)
    fake.running_endpoint(ENDPOINT, image=IMAGES[payload_format])

    response = ask(invoker(aws, payload_format=payload_format.value, max_new_tokens=3))

    assert response.text == " ".join(answer_to("Say hi").split()[:3])
    if payload_format is not PayloadFormat.JUMPSTART:  # which tells nothing more
        assert (response.finish_reason, response.output_tokens) == ("length", 3)


def test_system_prompt_reaches_a_chat_as_its_own_message(fake: AwsFake, aws: Aws) -> None:
    fake.running_endpoint(ENDPOINT, image=VLLM_IMAGE)

    response = ask(invoker(aws, VLLM_IMAGE), system="Be brief.")

    assert response.text == answer_to("Say hi", system="Be brief.")


def test_request_is_signed_and_named_as_boto3s(endpoint: AwsFake, aws: Aws) -> None:
    ask(invoker(aws))

    headers = endpoint.seen()["headers"][0]
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("outboard/")
    assert headers["Host"] == endpoint.url.removeprefix("http://")


def test_inference_component_is_named(endpoint: AwsFake, aws: Aws) -> None:
    endpoint.inference_component("adapter-7", ENDPOINT)

    ask(invoker(aws, component="adapter-7"))

    assert endpoint.seen()["headers"][0]["X-Amzn-SageMaker-Inference-Component"] == "adapter-7"


def test_session_token_goes_along(endpoint: AwsFake, monkeypatch: pytest.MonkeyPatch) -> None:
    session = endpoint.session()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", session["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", session["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", session["Token"])

    assert ask(invoker(Aws())).text == answer_to("Say hi")


def test_address_of_the_runtime_alone_is_honoured(
    endpoint: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"{endpoint.url}/")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    assert ask(invoker(Aws())).text == answer_to("Say hi")


def test_connections_are_kept_for_the_rows_that_follow(endpoint: AwsFake, aws: Aws) -> None:
    async def rows(invoker: Invoker) -> None:
        for number in range(5):
            await asyncio.gather(*(invoker.invoke(Request(prompt=f"{number}")) for _ in range(4)))

    use(invoker(aws), rows)

    assert endpoint.seen()["connections"] <= 4


def longest_prompt() -> str:
    empty = Payload(PayloadFormat.TGI, GenerationConfig()).encode(Request(prompt=""))
    return "x" * (MAX_REQUEST_BYTES - len(empty))


def test_request_of_the_greatest_size_is_sent(endpoint: AwsFake, aws: Aws) -> None:
    prompt = longest_prompt()

    assert ask(invoker(aws), prompt).text == answer_to(prompt)
    assert endpoint.seen()["headers"][0]["Content-Length"] == str(MAX_REQUEST_BYTES)


def test_request_over_the_limit_is_not_sent(endpoint: AwsFake, aws: Aws) -> None:
    with pytest.raises(InvocationError, match="6,291,457 bytes") as caught:
        ask(invoker(aws), longest_prompt() + "x")

    assert caught.value.code == "request_too_large"
    assert "InvokeEndpoint" not in endpoint.seen()["events"]


def test_extra_that_cannot_be_sent_is_refused_before_anything_is(aws: Aws) -> None:
    with pytest.raises(ConfigError, match="stream"):
        invoker(aws, extra={"stream": True})


# --- what goes wrong with one row


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ThrottlingException", "throttled"),
        ("ThrottlingException-null", "throttled"),
        ("ModelNotReadyException", "not_ready"),
        ("InternalDependencyException", "unavailable"),
        ("InternalFailure", "server_error"),
        ("ServiceUnavailable", "unavailable"),
        ("bad-gateway", "unavailable"),
        ("gateway-timeout", "unavailable"),
        ("reset", "connection"),
        ("cut", "incomplete_response"),
        ("out-of-memory", "model_error"),
        ("overloaded", "throttled"),
        ("ModelError-400", "rejected"),
        ("ModelError-422", "rejected"),
        ("ModelError-503", "unavailable"),
        ("ModelError-500", "model_error"),
        ("empty", "empty_response"),
        ("not-json", "invalid_response"),
        ("wrong-shape", "invalid_response"),
        ("empty-list", "invalid_response"),
        ("null-text", "invalid_response"),
        ("error-finish", "server_error"),
        ("error-in-200", "model_error"),
    ],
)
def test_every_fault_has_its_code_and_is_sent_once(
    endpoint: AwsFake, aws: Aws, name: str, code: str
) -> None:
    error = fault(invoker(aws), name)

    assert error.code == code
    assert code in RULES
    assert endpoint.seen()["prompts"] == {f"Row <fault:{name}>": 1}


def test_wait_that_sagemaker_asks_for_is_told_in_seconds(endpoint: AwsFake, aws: Aws) -> None:
    error = fault(invoker(aws), "ThrottlingException x-amz-retry-after=1500")

    assert error.retry_after_s == 1.5


def test_silence_is_a_timeout_and_sent_once(endpoint: AwsFake, aws: Aws) -> None:
    error = fault(invoker(aws, request_timeout_s=0.2), "hang")

    assert error.code == "timeout"
    assert "did not answer within 0.2 s. Lower max_new_tokens" in error.message
    assert endpoint.seen()["prompts"] == {"Row <fault:hang>": 1}


def test_model_that_takes_longer_than_sagemaker_grants_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch, aws: Aws
) -> None:
    with AwsFake(speed=600.0) as fast:
        monkeypatch.setenv("AWS_ENDPOINT_URL", fast.url)
        fast.running_endpoint(ENDPOINT)

        error = fault(invoker(Aws()), "slow seconds=90")

    assert error.code == "timeout"
    assert "longer than the 60 s" in error.message


def test_closed_invoker_sends_nothing(endpoint: AwsFake, aws: Aws) -> None:
    async def too_late(invoker: Invoker) -> None:
        await invoker.close()
        await invoker.invoke(Request(prompt="hi"))

    with pytest.raises(ProviderError, match="closed"):
        use(invoker(aws), too_late)


# --- what no row survives


def test_missing_permission_names_the_action(endpoint: AwsFake, aws: Aws) -> None:
    endpoint.deny("sagemaker:InvokeEndpoint")

    with pytest.raises(CredentialsError, match="sagemaker:InvokeEndpoint"):
        ask(invoker(aws))


def test_endpoint_that_somebody_deleted_ends_the_job(endpoint: AwsFake, aws: Aws) -> None:
    endpoint.remove_endpoint(ENDPOINT)

    with pytest.raises(ProviderError, match="somebody deleted it"):
        ask(invoker(aws))


def test_name_in_another_case_is_another_endpoint(endpoint: AwsFake, aws: Aws) -> None:
    elsewhere = Invoker(
        aws,
        RunningEndpoint(name=ENDPOINT.lower(), image_uri=TGI_IMAGE),
        generation=GenerationConfig(),
        deployment=DeploymentConfig(),
    )

    with pytest.raises(ProviderError, match=ENDPOINT.lower()):
        ask(elsewhere)


def test_component_that_is_missing_ends_the_job(endpoint: AwsFake, aws: Aws) -> None:
    endpoint.inference_component("adapter-7", ENDPOINT)

    with pytest.raises(ProviderError, match="external_model_name"):
        ask(invoker(aws))


@pytest.mark.parametrize("skew_s", [-600.0, 600.0])
def test_wrong_clock_is_called_so(endpoint: AwsFake, aws: Aws, skew_s: float) -> None:
    endpoint.skew(skew_s)

    with pytest.raises(CredentialsError, match="clock is minutes off"):
        ask(invoker(aws))


def test_wrong_key_is_called_so(endpoint: AwsFake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mistyped")

    with pytest.raises(CredentialsError, match="unknown or mistyped"):
        ask(invoker(Aws()))


# --- credentials that expire


def test_expired_keys_are_fetched_anew_and_the_row_goes_out(
    endpoint: AwsFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = signed_in(endpoint, tmp_path, monkeypatch)

    async def expire_meanwhile(invoker: Invoker) -> list[str]:
        await invoker.invoke(Request(prompt="first"))
        endpoint.expire(access_key_in(path))
        sign_in(endpoint, path)
        rows = (invoker.invoke(Request(prompt=f"row {n}")) for n in range(16))
        return [response.text for response in await asyncio.gather(*rows)]

    texts = use(invoker(Aws()), expire_meanwhile)

    assert texts == [answer_to(f"row {number}") for number in range(16)]


def test_expired_keys_end_the_job_when_there_are_no_newer_ones(
    endpoint: AwsFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = signed_in(endpoint, tmp_path, monkeypatch)
    endpoint.expire(access_key_in(path))

    with pytest.raises(CredentialsError, match="they have expired"):
        ask(invoker(Aws()))


def test_keys_that_renew_themselves_are_renewed(
    endpoint: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name, value in endpoint.refreshing_environment(lifetime_s=3_600.0).items():
        monkeypatch.setenv(name, value)
    aws = Aws()

    async def refuse_meanwhile(invoker: Invoker) -> str:
        await invoker.invoke(Request(prompt="first"))
        endpoint.expire(aws.credentials.get_frozen_credentials().access_key)
        return (await invoker.invoke(Request(prompt="second"))).text

    assert use(invoker(aws), refuse_meanwhile) == answer_to("second")


def signed_in(fake: AwsFake, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave a session's keys in a credentials file as the only ones, and return the file."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    path = folder / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    sign_in(fake, path)
    return path


def sign_in(fake: AwsFake, path: Path) -> None:
    session = fake.session()
    path.write_text(
        f"[default]\naws_access_key_id = {session['AccessKeyId']}\n"
        f"aws_secret_access_key = {session['SecretAccessKey']}\n"
        f"aws_session_token = {session['Token']}\n"
    )


def access_key_in(path: Path) -> str:
    return path.read_text().splitlines()[1].rpartition(" ")[2]


# --- which format


@pytest.mark.parametrize("payload_format", list(PayloadFormat))
def test_format_of_an_unknown_image_is_found_by_asking_for_one_token(
    fake: AwsFake, aws: Aws, payload_format: PayloadFormat
) -> None:
    fake.plan(payload_format=payload_format)
    fake.running_endpoint(ENDPOINT, image=UNKNOWN_IMAGE)

    async def detect_then_ask(invoker: Invoker) -> tuple[PayloadFormat, str]:
        found = await invoker.detect_format()
        return found, (await invoker.invoke(Request(prompt="Say hi"))).text

    assert use(invoker(aws, UNKNOWN_IMAGE), detect_then_ask) == (
        payload_format,
        answer_to("Say hi"),
    )
    *probes, _ = fake.seen()["bodies"]
    assert all(
        probe.get("parameters", {}).get("max_new_tokens", probe.get("max_tokens")) == 1
        for probe in probes
    )


def test_format_is_looked_for_once(fake: AwsFake, aws: Aws) -> None:
    fake.running_endpoint(ENDPOINT, image=UNKNOWN_IMAGE)

    async def ask_together(invoker: Invoker) -> None:
        await asyncio.gather(*(invoker.invoke(Request(prompt=f"{n}")) for n in range(8)))
        await invoker.detect_format()

    use(invoker(aws, None), ask_together)

    assert fake.seen()["prompts"]["Hello"] == 1


@pytest.mark.parametrize("image", [TGI_IMAGE, LMI_IMAGE, VLLM_IMAGE])
def test_known_image_is_not_probed(fake: AwsFake, aws: Aws, image: str) -> None:
    fake.running_endpoint(ENDPOINT, image=image)

    found = use(invoker(aws, image), lambda i: i.detect_format())

    assert IMAGES[found] == image
    assert not fake.seen()["prompts"]


def test_format_that_the_user_names_wins(aws: Aws) -> None:
    found = use(invoker(aws, TGI_IMAGE, payload_format="openai"), lambda i: i.detect_format())

    assert found is PayloadFormat.OPENAI


def test_format_that_the_endpoint_brings_wins_over_its_image(aws: Aws) -> None:
    given = RunningEndpoint(
        name=ENDPOINT, image_uri=TGI_IMAGE, payload_format=PayloadFormat.JUMPSTART
    )
    known = Invoker(aws, given, generation=GenerationConfig(), deployment=DeploymentConfig())

    assert use(known, lambda i: i.detect_format()) is PayloadFormat.JUMPSTART


def test_probing_bears_with_a_server_that_is_busy(endpoint: AwsFake, aws: Aws) -> None:
    # With this seed the first request for a probe's prompt is throttled, the second is not.
    endpoint.fault_rates({"ThrottlingException": 0.5}, seed=3)

    found = use(invoker(aws, None), lambda i: i.detect_format())

    assert found is PayloadFormat.TGI
    assert endpoint.seen()["prompts"]["Hello"] == 2


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("wrong-shape", "predictions"),
        ("ModelError-404", "404"),
        ("ModelError-422", "This is a 422."),
        ("error-in-200", "CUDA out of memory"),
    ],
)
def test_endpoint_in_no_known_format_is_told_with_what_it_said(
    endpoint: AwsFake, aws: Aws, name: str, heard: str
) -> None:
    endpoint.fault_rates({name: 1.0})

    with pytest.raises(ProviderError, match="payload_format") as caught:
        use(invoker(aws, None), lambda i: i.detect_format())

    assert caught.value.message.count(heard) >= 2


def test_endpoint_that_answers_nothing_is_told_apart(endpoint: AwsFake, aws: Aws) -> None:
    endpoint.fault_rates({"hang": 1.0})

    with pytest.raises(ProviderError, match="could not be asked"):
        use(invoker(aws, None, request_timeout_s=0.05), lambda i: i.detect_format())


def test_probing_stops_where_it_may_not_ask(endpoint: AwsFake, aws: Aws) -> None:
    endpoint.deny("sagemaker:InvokeEndpoint")

    with pytest.raises(CredentialsError, match="sagemaker:InvokeEndpoint"):
        use(invoker(aws, None), lambda i: i.detect_format())


# --- the way there


def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, fake: AwsFake) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://sagemaker.invalid")
    with OpenAIServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.root_url)

        with pytest.raises(ProviderError):  # for the proxy knows no endpoints
            ask(invoker(Aws()))

        assert proxy.seen.headers["Host"] == "sagemaker.invalid"
        assert proxy.seen.paths == {f"/endpoints/{ENDPOINT}/invocations": 1}


@pytest.fixture
def stranger(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An HTTPS server that is no SageMaker, as the runtime; yields its certificate."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with tls_server(certificate) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", server.root_url)
        yield certificate[0]


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_certificates_of_the_users_bundle_are_trusted(
    fake: AwsFake, stranger: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(stranger))

    with pytest.raises(ProviderError, match="not SageMaker's runtime"):
        ask(invoker(Aws()))


def test_certificate_of_nobody_we_trust_ends_the_job(fake: AwsFake, stranger: Path) -> None:
    with pytest.raises(ProviderError, match=r"No secure connection.*AWS_CA_BUNDLE"):
        ask(invoker(Aws()))


def test_bundle_that_cannot_be_read_is_named(
    fake: AwsFake, stranger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/ca.pem")

    with pytest.raises(ProviderError, match=r"AWS_CA_BUNDLE names cannot be read: /nowhere"):
        ask(invoker(Aws()))


# --- many rows at once


def test_rows_get_their_own_answers_or_their_own_faults(endpoint: AwsFake, aws: Aws) -> None:
    endpoint.fault_rates({"ThrottlingException": 0.3, "reset": 0.05, "cut": 0.05, "empty": 0.05})
    prompts = [f"row {number}" for number in range(300)]

    async def rows(invoker: Invoker) -> list[Response | BaseException]:
        sending = (invoker.invoke(Request(prompt=prompt)) for prompt in prompts)
        return await asyncio.gather(*sending, return_exceptions=True)

    outcomes = use(invoker(aws, max_concurrency=32), rows)

    codes = {o.code for o in outcomes if isinstance(o, InvocationError)}
    answers = {p: o for p, o in zip(prompts, outcomes, strict=True) if isinstance(o, Response)}
    assert codes == {"throttled", "connection", "incomplete_response", "empty_response"}
    assert len(answers) > 100
    assert all(answer.text == answer_to(prompt) for prompt, answer in answers.items())
    assert set(endpoint.seen()["prompts"].values()) == {1}


def test_no_secret_is_logged_or_told(
    endpoint: AwsFake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = endpoint.session()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", session["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", session["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", session["Token"])
    secrets = {session["SecretAccessKey"], session["Token"], SECRET_KEY}
    aws = Aws()  # what boto3 logs is its own affair
    caplog.set_level(logging.DEBUG)
    names = ["ExpiredTokenException", "InvalidSignatureException", "not-json", "cut", "reset"]

    told = []
    for name in names:
        with pytest.raises(OutboardError) as caught:
            ask(invoker(aws), f"Row <fault:{name}>")
        told += [str(caught.value), json.dumps(caught.value.to_record()), repr(caught.value)]

    text = "\n".join([*told, *(r.getMessage() for r in caplog.records if "outboard" in r.name)])
    assert not [secret for secret in secrets if secret in text]
