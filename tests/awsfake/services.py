"""Everything that stands behind the fake AWS's address, put together."""

import asyncio

from tests.awsfake.account import Account
from tests.awsfake.catalogue import Catalogue
from tests.awsfake.clock import Clock
from tests.awsfake.control_plane import ControlPlane
from tests.awsfake.endpoints import Endpoints
from tests.awsfake.faults import OperationFaults
from tests.awsfake.hosting import Shelf
from tests.awsfake.iam import Iam
from tests.awsfake.ledger import Ledger
from tests.awsfake.logs import Logs
from tests.awsfake.pricing import Pricing
from tests.awsfake.quotas import Quotas
from tests.awsfake.runtime import Runtime
from tests.awsfake.scheduler import Scheduler
from tests.awsfake.seen import Seen
from tests.awsfake.tags import Tags


class Services:
    """The services of one account in one region, on one clock. Made on the server's loop."""

    def __init__(self, *, region: str, speed: float) -> None:
        #: How far the server's clock is ahead when it judges signatures, in seconds.
        self.skew_s = 0.0
        #: Set when the test lets go what hangs.
        self.released = asyncio.Event()
        self.seen = Seen()
        self.faults = OperationFaults()
        self.account = Account(region=region)
        self.clock = Clock(speed=speed)
        self.ledger = Ledger(self.clock)
        self.logs = Logs(self.clock)
        self.tags = Tags()
        account, clock, tags = self.account, self.clock, self.tags
        self.catalogue = Catalogue(account, clock, tags)
        self.models = Shelf(account, clock, tags, kind="model", words="model", prefix="Model")
        self.configs = Shelf(
            account,
            clock,
            tags,
            kind="endpoint-config",
            words="endpoint configuration",
            prefix="EndpointConfig",
        )
        self.endpoints = Endpoints(
            account,
            clock,
            models=self.models,
            configs=self.configs,
            tags=tags,
            ledger=self.ledger,
            logs=self.logs,
            seen=self.seen,
        )
        self.control_plane = ControlPlane(
            account, tags, self.catalogue, self.models, self.configs, self.endpoints
        )
        self.scheduler = Scheduler(account, clock, self.control_plane, self.seen)
        self.quotas = Quotas(account)
        self.pricing = Pricing(account)
        self.iam = Iam(account)
        self.runtime = Runtime(
            account,
            clock,
            endpoints=self.endpoints,
            catalogue=self.catalogue,
            seen=self.seen,
            released=self.released,
        )
