"""A worker's claim on a job ends with the worker."""

import dataclasses
import subprocess
import sys
import time

from outboard.lease import LEASE_S, lease_for_process, lease_for_this_process


def test_a_lease_of_this_process_is_held() -> None:
    now = time.time()

    assert lease_for_this_process(worker="w", now=now).held(now)


def test_a_lease_runs_out_when_it_is_not_renewed() -> None:
    now = time.time()
    lease = lease_for_this_process(worker="w", now=now)

    assert not lease.held(now + LEASE_S)


def test_a_lease_ends_with_its_process_even_before_that_is_reaped() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    now = time.time()
    lease = lease_for_process(process.pid, worker="w", now=now)
    assert lease.held(now)

    process.kill()
    assert process.stdin is not None
    process.stdin.close()
    while lease.held(now):  # a zombie until somebody waits for it
        pass

    process.wait()
    assert not lease.held(now)


def test_another_process_with_the_same_id_does_not_hold_the_lease() -> None:
    now = time.time()
    lease = lease_for_this_process(worker="w", now=now)

    earlier = dataclasses.replace(lease, pid_started_at=lease.pid_started_at - 60)

    assert not earlier.held(now)


def test_a_lease_of_another_host_is_held_until_it_runs_out() -> None:
    now = time.time()
    lease = dataclasses.replace(lease_for_this_process(worker="w", now=now), host="elsewhere")

    assert lease.held(now)
    assert not lease.held(now + LEASE_S)
