import pytest

from outboard.token_estimate import TokenEstimate


def test_rows_that_were_all_counted_are_known_exactly() -> None:
    estimate = TokenEstimate()
    for size_bytes in (10, 30):
        estimate.add(size_bytes, size_bytes // 5)

    assert estimate.total(2) == (8, 8)


def test_rows_that_were_not_looked_at_widen_the_range() -> None:
    estimate = TokenEstimate()
    for size_bytes in (10, 30, 20, 20):
        estimate.add(size_bytes, size_bytes // 5)

    found = estimate.total(400)

    assert found is not None
    assert found[0] < 1_600 < found[1]


def test_rows_of_one_size_tell_those_of_all() -> None:
    estimate = TokenEstimate()
    for _ in range(3):
        estimate.add(20, 4)

    assert estimate.total(1_000) == (4_000, 4_000)


def test_sizes_alone_give_a_wide_range() -> None:
    estimate = TokenEstimate()
    estimate.add(100)

    assert estimate.total(1) == (20, 40)


def test_nothing_is_known_of_no_rows() -> None:
    assert TokenEstimate().total(5) is None


@pytest.mark.parametrize("n_tokens", [0, None])
def test_blank_rows_have_no_tokens(n_tokens: int | None) -> None:
    estimate = TokenEstimate()
    estimate.add(0, n_tokens)

    assert estimate.total(10) == (0, 0)
