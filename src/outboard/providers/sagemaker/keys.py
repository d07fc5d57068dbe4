"""The keys that requests to AWS are signed with."""

import asyncio
import time
from collections.abc import Callable

from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError

from outboard.errors import CredentialsError
from outboard.providers.sagemaker.aws import PROVIDER, Aws
from outboard.providers.server_error import one_line

# botocore renews keys 15 minutes before they expire, so a minute later is early enough.
_LOOK_EVERY_S = 60.0
_RENEW_EVERY_S = 10.0


class Keys:
    """Keeps keys at hand that are valid now, without ever blocking the event loop.

    Keys may come from a file, a single sign-on, another role, the machine itself; getting them
    can take network calls, which botocore makes in a thread here.

    Parameters
    ----------
    aws : Aws
        Where the credentials come from.
    clock : callable
        Seconds that pass.
    """

    def __init__(self, aws: Aws, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._aws = aws
        self._clock = clock
        self._keys: ReadOnlyCredentials | None = None
        self._look_at = float("-inf")
        self._renew_at = float("-inf")
        self._lock = asyncio.Lock()

    async def current(self) -> ReadOnlyCredentials:
        """Return the keys to sign with.

        Raises
        ------
        CredentialsError
            If they have expired, and no new ones can be had.
        """
        if (keys := self._fresh()) is not None:
            return keys
        async with self._lock:
            return self._fresh() or await self._look()

    async def renewed(self, refused: ReadOnlyCredentials) -> ReadOnlyCredentials:
        """Return the keys to try once more with, after AWS refused some.

        They are looked for anew where they came from: a person may have signed in again. If
        nothing newer is there, they are the same.

        Raises
        ------
        CredentialsError
            If there are none at all any more.
        """
        async with self._lock:
            # Many requests meet the refusal together: one looks, the others take what it found.
            if self._keys is refused and self._clock() >= self._renew_at:
                await self._look(renew=True)
                self._renew_at = self._clock() + _RENEW_EVERY_S
            return refused if self._keys is None else self._keys

    def _fresh(self) -> ReadOnlyCredentials | None:
        return self._keys if self._clock() < self._look_at else None

    async def _look(self, *, renew: bool = False) -> ReadOnlyCredentials:
        try:
            keys = await asyncio.to_thread(self._freeze, renew=renew)
        # A RuntimeError is what botocore raises for keys that are stale when they arrive.
        except (BotoCoreError, ClientError, RuntimeError) as fault:
            raise CredentialsError(
                f"AWS credentials could not be renewed: {one_line(str(fault))}. Sign in again "
                "(`aws sso login`, new environment variables), then resume the job: finished "
                "rows are kept.",
                provider=PROVIDER,
            ) from fault
        # The same keys stay the same object: a signer prepares itself for each anew.
        if self._keys is None or keys != self._keys:
            self._keys = keys
        self._look_at = self._clock() + _LOOK_EVERY_S
        return self._keys

    def _freeze(self, *, renew: bool) -> ReadOnlyCredentials:
        if renew:
            self._aws.renew()
        keys: ReadOnlyCredentials = self._aws.credentials.get_frozen_credentials()
        return keys
