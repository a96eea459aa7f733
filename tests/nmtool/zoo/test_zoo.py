"""Networks of the zoo: the facts in their files are true."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import nmtool as nm
from nmtool import zoo
from nmtool.arithmetic import STATE_LIMIT
from nmtool.errors import FileFormatError
from tests.refusals import refused

NAMES = zoo.names()


def test_names_of_the_zoo() -> None:
    assert NAMES == ["digits", "spoken-digits", "yinyang"]
    assert nm.zoo is zoo


@pytest.mark.parametrize("name", NAMES)
def test_every_network_is_the_one_that_was_verified(name: str) -> None:
    network, facts = zoo.load(name), zoo.about(name).facts
    assert network.content_hash == facts["hash"]
    assert network.channels.size == facts["channels"]
    assert sum(p.size for p in network.populations) == facts["neurons"]
    synapses = sum(np.count_nonzero(p.weight) for p in network.projections)
    assert synapses == facts["synapses"]
    compared, different = facts["spikes_compared"], facts["spikes_different"]
    assert set(compared) == set(different) >= {"lava", "onnx", "c"}
    assert all(compared.values())
    assert not any(different.values())
    assert zoo.path(name).stat().st_size < 400_000


def test_the_table_of_a_network() -> None:
    about = zoo.about("digits")
    rows = dict(about.tables()[0].rows)
    compared = about.facts["spikes_compared"]
    assert rows["spikes compared"] == ", ".join(f"{name} {compared[name]}" for name in compared)
    assert rows["hash"] == about.facts["hash"]


@pytest.mark.parametrize("name", ["digits", "yinyang"])
def test_accuracy_and_cost_are_those_in_the_files(name: str) -> None:
    if name == "digits":
        pytest.importorskip("sklearn")
    evaluation = nm.evaluate(f"zoo:{name}", nm.load_dataset(name).test)
    facts = zoo.about(name).facts
    assert evaluation.samples == facts["test_samples"]
    assert evaluation.accuracy == pytest.approx(facts["test_accuracy"], abs=1e-6)
    assert evaluation.synaptic_events_per_sample == pytest.approx(
        facts["synaptic_events_per_sample"], abs=0.1
    )


@pytest.mark.parametrize("name", ["digits", "yinyang"])
def test_nothing_overflows_on_a_network_s_own_data(name: str) -> None:
    if name == "digits":
        pytest.importorskip("sklearn")
    network, data = zoo.load(name), nm.load_dataset(name)
    for samples in (data.train, data.test):
        recording = nm.simulate(network, samples)
        assert recording.counts["u_wraps"] == recording.counts["v_clips"] == 0
        # Half of the range stays free for stronger input.
        assert all(abs(v).max() < STATE_LIMIT // 2 for v in recording.membrane.values())


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_speech_network_is_verified_without_any_data() -> None:
    certificate = nm.verify("zoo:spoken-digits", against="c", deep=True, faults=True)
    assert certificate.identical
    assert not any(n for key, n in certificate.overflows.items() if key != "neuron_updates")
    assert certificate.mutation is not None
    assert certificate.mutation.n_seen > 0.9 * len(certificate.mutation.faults)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_clips_of_outputs_on_generated_inputs_are_no_warning() -> None:
    certificate = nm.verify("zoo:digits", against="c")
    counts = certificate.overflows
    assert counts["v_clips"] == counts["v_clips_outputs"] > 0 == counts["u_wraps"]
    [sentence] = certificate.overflows_without_data()
    assert "overflows" in sentence[0]
    assert "known answers" in sentence[0]
    assert sentence[1] == ""


def test_zoo_names_are_accepted_as_paths(tmp_path: Path) -> None:
    network = zoo.load("yinyang")
    assert nm.load("zoo:yinyang").content_hash == network.content_hash
    assert zoo.load("zoo:yinyang").content_hash == network.content_hash
    assert nm.inspect("zoo:yinyang")["hash"] == network.content_hash
    assert nm.check("zoo:yinyang")["loihi2"].verdict == "faithful"
    path = nm.export("zoo:yinyang", tmp_path / "net.c")
    assert nm.load(path).content_hash == network.content_hash
    done = nm.convert("zoo:yinyang", tmp_path / "net.npz")
    assert done.network.content_hash == network.content_hash


def test_an_unknown_name_is_refused() -> None:
    for function in (nm.load, nm.inspect, zoo.load, zoo.about):
        with refused(FileFormatError, "zoo-unknown") as caught:
            function("zoo:digit")
        assert "'digits'" in caught.value.fix
