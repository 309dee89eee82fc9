"""The thread's switches: as context managers and decorators, nested, in threads, after exceptions."""

import threading

import pytest

import lepton
from lepton.autograd import detect_anomaly, set_detect_anomaly

SWITCHES = [lepton.no_grad, lepton.enable_grad, lepton.inference_mode]


def test_no_grad_and_back():
    x = lepton.ones(1, requires_grad=True)
    with lepton.no_grad():
        assert not (x * 2.0).requires_grad
        with lepton.enable_grad():
            assert (x * 2.0).requires_grad
        assert not lepton.is_grad_enabled()
    assert (x * 2.0).requires_grad


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda s: s.__name__)
def test_state_is_restored_after_an_exception(switch):
    before = lepton.is_grad_enabled()
    with pytest.raises(ValueError, match="x"), switch():
        raise ValueError("x")
    assert lepton.is_grad_enabled() is before
    assert not lepton.is_inference_mode_enabled()


@pytest.mark.parametrize("decorate", [lepton.no_grad, lepton.no_grad()], ids=["bare", "called"])
def test_decorator(decorate):
    @decorate
    def compute(x):
        """Compute."""
        return x * 2.0

    assert compute.__name__ == "compute"
    assert compute.__doc__ == "Compute."
    assert not compute(lepton.ones(1, requires_grad=True)).requires_grad
    assert lepton.is_grad_enabled()


def test_decorated_functions_may_recurse():
    @lepton.no_grad()
    def down(n):
        assert not lepton.is_grad_enabled()
        if n:
            down(n - 1)
        assert not lepton.is_grad_enabled()

    down(3)
    assert lepton.is_grad_enabled()


def test_decorated_generator_keeps_the_switch_only_while_it_runs():
    @lepton.no_grad()
    def numbers():
        try:
            got = yield lepton.is_grad_enabled()
            assert got == "hello"
            try:
                yield lepton.is_grad_enabled()
            except KeyError:
                yield "caught"
        finally:
            assert not lepton.is_grad_enabled()
        return 7

    stream = numbers()
    assert next(stream) is False
    assert lepton.is_grad_enabled()
    assert stream.send("hello") is False
    assert stream.throw(KeyError) == "caught"
    with pytest.raises(StopIteration) as stop:
        next(stream)
    assert stop.value.value == 7
    other = numbers()
    next(other)
    other.close()
    assert lepton.is_grad_enabled()


def test_set_grad_enabled_as_function_context_and_decorator():
    lepton.set_grad_enabled(False)
    try:
        assert not lepton.is_grad_enabled()
    finally:
        lepton.set_grad_enabled(True)
    with lepton.set_grad_enabled(False):
        assert not lepton.is_grad_enabled()
    assert lepton.is_grad_enabled()

    @lepton.set_grad_enabled(False)
    def inside():
        return lepton.is_grad_enabled()

    assert lepton.is_grad_enabled()
    assert inside() is False
    assert lepton.is_grad_enabled()


def test_inference_mode():
    with lepton.inference_mode():
        assert lepton.is_inference_mode_enabled()
        assert not lepton.is_grad_enabled()
        with lepton.inference_mode(False):
            assert not lepton.is_inference_mode_enabled()

    @lepton.inference_mode
    def compute():
        return lepton.ones(1) * 2.0

    assert compute().is_inference()


def test_switches_belong_to_their_thread():
    seen = []
    with lepton.no_grad():
        thread = threading.Thread(target=lambda: seen.append(lepton.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_anomaly_switches():
    with detect_anomaly():
        assert lepton.is_anomaly_enabled()
        assert lepton.is_anomaly_check_nan_enabled()
    with set_detect_anomaly(True, check_nan=False):
        assert lepton.is_anomaly_enabled()
        assert not lepton.is_anomaly_check_nan_enabled()
    assert not lepton.is_anomaly_enabled()
    set_detect_anomaly(True)
    set_detect_anomaly(False)
    assert not lepton.is_anomaly_enabled()
