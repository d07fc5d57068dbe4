"""Whose account it is, and what is said when AWS does not let us in."""

import threading
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.awsfake.account import ACCESS_KEY, SECRET_KEY
from tests.awsfake.server import AwsFake

from outboard.errors import CredentialsError, ProviderError
from outboard.providers.sagemaker.aws import Aws
from outboard.providers.sagemaker.aws_error import is_denied, is_not_found, translated


def describe_job(aws: Aws, name: str = "my-job") -> None:
    """Make a call as the provider does."""
    with translated():
        aws.sagemaker.describe_training_job(TrainingJobName=name)


def refused(aws: Aws) -> ProviderError:
    """Return what a call raises."""
    with pytest.raises(ProviderError) as caught:
        describe_job(aws)
    assert caught.value.provider == "sagemaker"
    return caught.value


def test_identity_and_region_are_those_of_boto3s_chain(fake: AwsFake) -> None:
    aws = Aws()

    assert aws.region == "us-east-1"
    assert aws.identity.account_id == "123456789012"
    assert aws.identity.arn == "arn:aws:iam::123456789012:user/tester"


def test_identity_is_asked_for_once(fake: AwsFake) -> None:
    aws = Aws()

    assert aws.identity is aws.identity
    assert fake.seen()["events"]["GetCallerIdentity"] == 1


def test_default_session_of_the_notebook_comes_first(
    fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody-else")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(
        boto3,
        "DEFAULT_SESSION",
        boto3.Session(
            aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name="us-east-1"
        ),
    )

    aws = Aws()

    assert aws.region == "us-east-1"
    assert aws.identity.account_id == "123456789012"


def test_no_credentials_are_told_with_the_ways_to_have_some(
    fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(CredentialsError, match=r"no AWS credentials.*AWS_PROFILE.*aws sso login"):
        Aws()


def test_half_a_key_is_told_as_missing_credentials(
    fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(CredentialsError, match="AWS_SECRET_ACCESS_KEY"):
        Aws()


def test_unknown_profile_is_named(fake: AwsFake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    with pytest.raises(CredentialsError, match=r"nobody.*Correct AWS_PROFILE"):
        Aws()


def test_missing_region_says_how_to_set_it(fake: AwsFake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    with pytest.raises(ProviderError, match="Set AWS_DEFAULT_REGION"):
        Aws()


def test_refused_action_is_named(fake: AwsFake) -> None:
    fake.deny("sagemaker:DescribeTrainingJob")

    fault = refused(Aws())

    assert isinstance(fault, CredentialsError)
    assert "does not allow sagemaker:DescribeTrainingJob on arn:aws:sagemaker" in fault.message
    assert "Ask for a policy" in fault.message


def test_expired_credentials_are_told_from_wrong_ones(fake: AwsFake) -> None:
    aws = Aws()
    fake.expire()

    fault = refused(aws)

    assert isinstance(fault, CredentialsError)
    assert "have expired" in fault.message
    assert "aws sso login" in fault.message


def test_wrong_key_is_told_without_showing_it(
    fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-value")

    fault = refused(Aws())

    assert isinstance(fault, CredentialsError)
    assert "does not accept these credentials" in fault.message
    assert "wrong-secret-value" not in fault.message
    assert ACCESS_KEY not in fault.message


def test_throttling_is_sat_out_for_a_while(fake: AwsFake) -> None:
    fake.training_job("my-job")
    fake.fail("DescribeTrainingJob", "ThrottlingException", times=2)

    describe_job(Aws())

    assert fake.seen()["events"]["DescribeTrainingJob"] == 3


def test_endless_throttling_is_an_error(fake: AwsFake) -> None:
    fake.fail("DescribeTrainingJob", "ThrottlingException", times=None)

    assert "Try again in a minute" in refused(Aws(attempts=1)).message


def test_other_refusals_keep_the_words_of_aws(fake: AwsFake) -> None:
    fake.fail("DescribeTrainingJob", "ValidationException", message="The moon is too near")

    fault = refused(Aws())

    assert not isinstance(fault, CredentialsError)
    assert fault.message == (
        "AWS refused DescribeTrainingJob (ValidationException): The moon is too near."
    )


def test_aws_out_of_reach_says_what_to_look_at(
    fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    assert "AWS cannot be reached" in refused(Aws(attempts=1)).message


def test_call_that_boto3_itself_refuses_is_a_provider_error(fake: AwsFake) -> None:
    with pytest.raises(ProviderError, match="could not be made"), translated():
        Aws().sagemaker.describe_training_job()


def test_credentials_that_cannot_be_fetched_say_so(
    fake: AwsFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "config"
    settings.write_text("[default]\ncredential_process = false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(settings))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(CredentialsError, match="could not be obtained"):
        Aws()


def test_secrets_that_aws_quotes_stay_out_of_the_error(fake: AwsFake) -> None:
    fake.fail("DescribeTrainingJob", "ValidationException", message="Value 'hf_abc' is too short")
    aws = Aws()

    with (
        pytest.raises(ProviderError, match=r"Value '\*\*\*' is too short") as caught,
        translated(secrets=("hf_abc", "")),
    ):
        aws.sagemaker.describe_training_job(TrainingJobName="my-job")

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_missing_things_and_refused_actions_are_told_apart(fake: AwsFake) -> None:
    aws = Aws()
    with pytest.raises(ClientError) as missing:
        aws.sagemaker.describe_endpoint(EndpointName="nobody")
    fake.deny("sagemaker:DescribeEndpoint")
    with pytest.raises(ClientError) as denied:
        aws.sagemaker.describe_endpoint(EndpointName="nobody")

    assert is_not_found(missing.value)
    assert not is_denied(missing.value)
    assert is_denied(denied.value)
    assert not is_not_found(denied.value)


def test_threads_share_one_client_of_each_service(fake: AwsFake) -> None:
    aws = Aws()
    found = []
    threads = [threading.Thread(target=lambda: found.append(aws.sagemaker)) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(client) for client in found}) == 1
    assert aws.client("pricing", region="eu-central-1").meta.region_name == "eu-central-1"


def test_keys_are_looked_for_anew_where_they_came_from(
    fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mistyped")
    aws = Aws()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)

    aws.renew()

    assert aws.identity.account_id == "123456789012"


def test_keys_set_in_code_are_not_replaced_by_others(fake: AwsFake) -> None:
    session = fake.session()
    aws = Aws(
        boto3.Session(
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["Token"],
        )
    )

    aws.renew()

    assert aws.identity.arn == "arn:aws:sts::123456789012:assumed-role/tester/session"


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_certificates_are_those_that_boto3_trusts(
    fake: AwsFake, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    assert Aws().ca_bundle is None

    monkeypatch.setenv(variable, "/certificates.pem")

    assert Aws().ca_bundle == "/certificates.pem"


def test_account_shows_nothing_secret_of_itself(fake: AwsFake) -> None:
    assert repr(Aws()) == "Aws(region='us-east-1')"


def test_keys_that_are_stale_when_they_arrive_are_told_as_expired(
    fake: AwsFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name, value in fake.refreshing_environment(lifetime_s=-60).items():
        monkeypatch.setenv(name, value)
    aws = Aws()

    with pytest.raises(CredentialsError, match=r"have expired, and newer ones are not there"):
        _ = aws.identity


def test_other_faults_pass_through(fake: AwsFake) -> None:
    with pytest.raises(RuntimeError, match="ours"), translated():
        raise RuntimeError("ours")
