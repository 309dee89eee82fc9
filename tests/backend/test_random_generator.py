"""Generators and streams: seeds, states, copies, threads, names."""

import copy
import hashlib
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lepton import errors
from lepton.backend import random
from tests.backend._random_support import SEED, seeded

U64 = st.integers(0, 2**64 - 1)


def test_a_new_generator_has_pytorchs_default_seed():
    assert random.Generator().initial_seed() == 67280421310721
    assert str(random.Generator().device) == "cpu"


@pytest.mark.parametrize(
    ("seed", "initial"), [(0, 0), (-1, 2**64 - 1), (-(2**63), 2**63), (2**64 - 1, 2**64 - 1), (np.int32(5), 5)]
)
def test_manual_seed_takes_every_64_bit_integer(seed, initial):
    generator = random.Generator()
    assert generator.manual_seed(seed) is generator
    assert generator.initial_seed() == initial
    assert type(generator.initial_seed()) is int


def test_seeding_again_begins_again_and_seed_is_new_each_time():
    generator = seeded(5)
    first = random.normal(3, generator=generator)
    assert (random.normal(3, generator=generator) != first).all()
    np.testing.assert_array_equal(random.normal(3, generator=generator.manual_seed(5)), first)
    seeds = {generator.seed() for _ in range(5)}
    assert len(seeds) == 5 and all(0 <= s < 2**64 for s in seeds)
    assert generator.initial_seed() in seeds


def test_none_is_the_default_generator():
    state = random.default_generator.get_state_bytes()
    try:
        random.default_generator.manual_seed(SEED)
        np.testing.assert_array_equal(random.normal(9), random.normal(9, generator=seeded()))
    finally:
        random.default_generator.set_state_bytes(state)


@given(U64, st.integers(0, 1000), st.lists(st.integers() | st.text(max_size=5), max_size=3))
def test_state_round_trip(seed, drawn, path):
    generator = seeded(seed).fork(*path)
    generator.reserve(drawn)
    state = generator.get_state_bytes()
    expected = random.words(generator._key, drawn, 0, 5).tolist()
    for form in (state, bytearray(state), memoryview(state), np.frombuffer(state, np.uint8)):
        other = random.Generator()
        other.set_state_bytes(form)
        assert other.get_state_bytes() == state
        assert other.initial_seed() == seed
        assert other.piece(5).words(0, 5).tolist() == expected


def test_the_layout_of_the_state_is_fixed():
    body = b"lepton\x00\x01" + b"".join(n.to_bytes(8, "little") for n in (SEED, SEED, 0, 3))
    generator = seeded()
    generator.reserve(3)
    assert generator.get_state_bytes() == body + hashlib.blake2b(body, digest_size=8).digest()


@given(st.integers(0, 47), st.integers(1, 255))
def test_a_state_with_one_byte_changed_is_refused_and_changes_nothing(place, flip):
    generator = seeded()
    before = generator.get_state_bytes()
    damaged = bytearray(random.Generator().get_state_bytes())
    damaged[place] ^= flip
    with pytest.raises(errors.RandomError):
        generator.set_state_bytes(damaged)
    assert generator.get_state_bytes() == before


@given(st.binary(max_size=100))
def test_foreign_bytes_are_no_state(data):
    with pytest.raises(errors.RandomError, match="state"):
        random.Generator().set_state_bytes(data)


@pytest.mark.parametrize("state", [None, "x" * 48, 48, [0] * 48, np.zeros(6), np.zeros((2, 24), np.uint8)])
def test_what_is_not_bytes_is_no_state(state):
    with pytest.raises(errors.ArgumentTypeError, match="uint8"):
        random.Generator().set_state_bytes(state)


def test_an_unknown_version_is_named():
    state = bytearray(seeded().get_state_bytes())
    state[7] = 9
    with pytest.raises(errors.RandomError, match="version 9"):
        random.Generator().set_state_bytes(state)


@pytest.mark.parametrize(
    "duplicate", [random.Generator.clone_state, copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))]
)
def test_copies_go_on_from_the_same_place_and_apart(duplicate):
    generator = seeded().fork("x")
    random.normal(10, generator=generator)
    twin = duplicate(generator)
    assert twin is not generator and twin.get_state_bytes() == generator.get_state_bytes()
    first = random.normal(4, generator=twin)
    np.testing.assert_array_equal(random.normal(4, generator=generator), first)


def test_reserving_to_the_end_of_the_stream():
    generator = seeded()
    assert generator.reserve(2**64 - 5) == 0
    assert generator.reserve(4) == 2**64 - 5
    assert generator.clone_state().reserve(0) == 2**64 - 1
    with pytest.raises(errors.RandomError, match="manual_seed"):
        random.uniform(1, generator=generator)
    with pytest.raises(errors.ArgumentError, match="-1"):
        generator.reserve(-1)


def test_threads_draw_disjoint_words():
    generator = seeded()
    drawn = [[] for _ in range(4)]

    def work(mine):
        for _ in range(300):
            mine.append(random.integers(4, -(2**63), 2**63, generator=generator))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in drawn]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = np.sort(np.concatenate([block for mine in drawn for block in mine]).view(np.uint64))
    # from a range of all 2⁶⁴ integers each is its word, less 2⁶³
    np.testing.assert_array_equal(got, np.sort(random.words((SEED, 0), 0, 0, 4800) - np.uint64(2**63)))


# ---- streams --------------------------------------------------------------------------------------------------------


def encoded_key(parent, *items):
    digest = hashlib.blake2b(digest_size=16, person=b"lepton.random.1")
    for number in parent:
        digest.update(number.to_bytes(8, "little"))
    for item in items:
        body = item.encode() if isinstance(item, str) else bytes([item])
        digest.update((b"s" if isinstance(item, str) else b"i") + len(body).to_bytes(8, "little") + body)
    value = digest.digest()
    return int.from_bytes(value[:8], "little"), int.from_bytes(value[8:], "little")


def test_the_key_of_a_stream_is_a_fixed_hash_of_its_path():
    assert random.stream(SEED, 3, 1, "features.0", 0)._key == encoded_key((SEED, 0), 3, 1, "features.0", 0)
    assert random.stream(SEED, 3, 1, "features.0", 0)._key == (5175373741955594016, 15327239422353428682)
    assert random.stream(SEED)._key == (12558257495473179536, 13146655307585947703)


def test_a_stream_is_a_fork_of_its_seed_whatever_has_been_drawn():
    generator = seeded()
    random.normal(100, generator=generator)
    counter = generator.reserve(0)
    assert generator.fork("a", 1)._key == random.stream(SEED, "a", 1)._key == random.stream(SEED, "a", np.int8(1))._key
    assert generator.reserve(0) == counter
    assert random.stream(SEED, "a").initial_seed() == SEED


ITEM = st.integers(-(2**70), 2**70) | st.text(max_size=6)


@given(st.lists(ITEM, max_size=4), st.lists(ITEM, max_size=4))
def test_different_paths_have_different_keys(one, other):
    same = [(type(x), x) for x in one] == [(type(x), x) for x in other]
    assert (random.stream(7, *one)._key == random.stream(7, *other)._key) == same


def test_paths_that_look_alike_are_told_apart():
    paths = [("ab", "c"), ("a", "bc"), ("abc",), (1, "1"), ("1", 1), (1, 1), (11,), (), ("",), (0,), (-1,), (255,)]
    assert len({random.stream(7, *path)._key for path in paths}) == len(paths)
    assert random.stream(7, np.int64(3))._key == random.stream(7, 3)._key
