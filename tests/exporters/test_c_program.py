"""The program in a C file: its results, compiled with all warnings as errors."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from nmtool.arithmetic import STATE_LIMIT
from nmtool.errors import FileFormatError
from nmtool.exporters.c.answers import checksums
from nmtool.exporters.c.format import C
from nmtool.exporters.c.readout import IMPORTANCE_ONE, importance
from nmtool.hardware_sim.known_answers import known_answers
from nmtool.hardware_sim.session import Session
from nmtool.hardware_sim.simulator import simulate
from nmtool.known_answers import KnownAnswers
from nmtool.network.integer_network import IntegerNetwork
from nmtool.network.readout import FIRST_SPIKE, RULES, WINDOW, Readout
from nmtool.raster import Raster
from nmtool.recording import Recording
from nmtool.testing.networks import answers_to, random_input, random_network, random_raster
from nmtool.verification.comparison import compare_recordings
from nmtool.verification.faults import draw_faults, mutant
from tests.exporters.c_programs import SANITIZED, UNOPTIMISED, compiled, run_program
from tests.networks.drawn import integer_networks, seeds
from tests.networks.edges import edge_network, scattered_network, word_network
from tests.networks.lasting import self_sustained_network
from tests.networks.resets import counting
from tests.refusals import refused
from tests.thorough import examples

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c")


def run(network: IntegerNetwork, spikes: Raster, folder: Path) -> Recording:
    path = C.write(network, folder / "network.c", force=True).path
    return C(path).run(spikes, deep=True)


def assert_same(network: IntegerNetwork, spikes: Raster, folder: Path) -> Recording:
    """Assert that every u, v and spike is equal; returns the simulator's recording."""
    expected, actual = simulate(network, spikes, deep=True), run(network, spikes, folder)
    comparison = compare_recordings(expected, actual)
    assert comparison.identical, comparison.first_divergence
    for group in ("membrane", "current", "potential"):
        assert all(array.dtype == np.int32 for array in getattr(actual, group).values())
    return expected


# Tests of spikes, u and v


@settings(max_examples=examples(0.5))
@given(
    network=integer_networks(properties=C.expresses),
    seed=seeds,
    n_samples=st.integers(1, 5),
    n_steps=st.integers(1, 90),
)
def test_the_program_equals_the_simulator(
    folder: Path, network: IntegerNetwork, seed: int, n_samples: int, n_steps: int
) -> None:
    assert_same(network, random_input(network, seed, n_samples, n_steps), folder)


@pytest.mark.parametrize("n_hidden", [1, 4])
@pytest.mark.parametrize("spiking_output", [False, True])
def test_layers_that_recur_and_feed_back(n_hidden: int, spiking_output: bool, folder: Path) -> None:
    network = random_network(n_hidden, n_hidden, spiking_output)
    expected = assert_same(network, random_raster(9, 4, 200, network.channels.size), folder)
    assert sum(raster.n_spikes for raster in expected.spikes.values()) > 200


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_beyond_32_bits_wrap(sign: int, folder: Path) -> None:
    dense = np.zeros((2, 12, 1200), bool)
    dense[0, [0, 1, 2, 5]], dense[1, 3, :900] = True, True
    expected = assert_same(word_network(sign), Raster.from_dense(dense), folder)
    assert (abs(expected.current["out"].astype(np.int64)) > STATE_LIMIT).any()


def test_only_requested_states_are_recorded(folder: Path) -> None:
    network = random_network(4, 2, False)
    path = C.write(network, folder / "network.c", force=True).path
    finished: list[int] = []
    recording = C(path).run(random_raster(1, 3, 30, 5), on_progress=finished.append)
    assert (sum(finished), set(recording.spikes), set(recording.membrane)) == (
        3,
        {"h0", "h1"},
        {"out"},
    )
    assert not recording.current
    assert not recording.potential


# Tests that compile the exported file alone, with sanitizers and all warnings


STRANGE_CLASSES = ("*/ int x;", "/* ??/", "\\", "ü\n", '"', "%d")
"""Names that could end a comment."""


def odd_network() -> IntegerNetwork:
    """A network with names that collide with each other, with C and with its library."""
    network = random_network(5, 3, True)
    new = {"input": "input", "h0": "int", "h1": "a", "h2": "a_to_a", "out": "main"}
    return replace(
        network,
        populations=[replace(p, name=new[p.name]) for p in network.populations],
        projections=[
            replace(p, source=new[p.source], target=new[p.target]) for p in network.projections
        ],
        readout=Readout("main", FIRST_SPIKE),
        class_names=STRANGE_CLASSES[:4],
    )


@settings(max_examples=examples(0.15))
@given(network=integer_networks(properties=C.expresses), seed=seeds)
def test_the_file_compiles_without_warnings(
    folder: Path, network: IntegerNetwork, seed: int
) -> None:
    answers = answers_to(network, random_input(network, seed, 3, 80))
    path = C.write(network, folder / "network.c", answers=answers, force=True).path
    compiled("-c", path, folder=folder)
    compiled("-c", "-DNMTOOL_MAIN", path, folder=folder)
    code, lines = run_program(compiled("-DNMTOOL_MAIN", *SANITIZED, path, folder=folder))
    assert (code, [line.split()[-1] for line in lines[1:]]) == (0, ["0"] * 3)


@pytest.mark.parametrize(
    "network",
    [
        random_network(3, 2, False),
        self_sustained_network(),
        word_network(-1),
        scattered_network(),
        replace(edge_network(1), class_names=STRANGE_CLASSES[3:]),
        odd_network(),
    ],
)
def test_the_program_checks_its_known_answers(network: IntegerNetwork, tmp_path: Path) -> None:
    answers = known_answers(network)
    path = C.write(network, tmp_path / "network.c", answers=answers).path
    compiled("-c", path, folder=tmp_path)
    expected = compare_recordings(answers.recording, answers.recording)
    bins = answers.spikes.n_samples * answers.spikes.n_steps
    states = 2 * bins * sum(p.size for p in network.populations)
    lines = [
        f"network {network.content_hash}",
        f"spikes compared {expected.spikes_compared}, different 0",
        f"membranes compared {bins * sum(p.size for p in network.integrating)}, different 0",
        f"u and v compared {states}, steps different 0",
    ]
    for more in ((), SANITIZED):
        assert run_program(compiled("-DNMTOOL_MAIN", *more, path, folder=tmp_path)) == (0, lines)


def test_answers_without_u_and_v_are_checked_as_they_are(tmp_path: Path) -> None:
    network = random_network(3, 2, False)
    answers = shallow(known_answers(network))
    path = C.write(network, tmp_path / "network.c", answers=answers).path
    assert C(path).known_answers().to_bytes() == answers.to_bytes()
    code, lines = run_program(compiled("-DNMTOOL_MAIN", *SANITIZED, path, folder=tmp_path))
    assert (code, [line.split()[0] for line in lines]) == (0, ["network", "spikes", "membranes"])


def test_check_sums_of_states_are_those_of_c() -> None:
    """If the states of one neuron differ in any bit, the sum differs, too."""
    u, v = (np.zeros((1, 1, 9), np.int32) for _ in range(2))
    u[0, 0], v[0, 0] = np.arange(9) * 7919 - 30000, np.arange(9) * -104729
    seen = {int(checksums(u, v)[0, 0])}
    for neuron in range(9):
        for bit in range(32):
            for states in (u, v):
                states.view(np.uint32)[0, 0, neuron] ^= np.uint32(1 << bit)
                seen.add(int(checksums(u, v)[0, 0]))
                states.view(np.uint32)[0, 0, neuron] ^= np.uint32(1 << bit)
    assert len(seen) == 1 + 9 * 32 * 2


@pytest.mark.parametrize(
    "number",
    [
        *("weight", "delay", "weight_exponent", "du", "dv", "vth"),
        *("bias_mantissa", "bias_exponent"),
    ],
)
def test_the_program_of_a_wrong_network_fails_its_known_answers(
    number: str, tmp_path: Path
) -> None:
    """The file has a faulty network, and the known answers of the right one."""
    network = random_network(0, 2, False)
    answers = known_answers(network)
    faults = [f for f in draw_faults(network, 300, seed=4) if f.number == number]
    mutants = (mutant(network, fault) for fault in faults)
    wrong = next(candidate for candidate in mutants if shows(answers, candidate))
    path = C.write(wrong, tmp_path / "network.c", answers=answers).path
    code, lines = run_program(compiled("-DNMTOOL_MAIN", *UNOPTIMISED, path, folder=tmp_path))
    answered = simulate(wrong, answers.spikes, deep=True)
    place = compare_recordings(answers.recording, answered).first_divergence
    at = f"first difference: sample {place.sample}, step {place.step}, {place.population}"
    assert (code, lines[-1].startswith(at)) == (1, True)
    with refused(FileFormatError, "answers-other-network"):
        C(path).known_answers()


def shows(answers: KnownAnswers, wrong: IntegerNetwork) -> bool:
    """True if the simulator gives other answers for the wrong network."""
    answered = simulate(wrong, answers.spikes, deep=True)
    return not compare_recordings(answers.recording, answered).identical


def shallow(answers: KnownAnswers) -> KnownAnswers:
    recording = replace(answers.recording, current={}, potential={})
    return replace(answers, recording=recording, decay_factors={})


def wrong(answers: KnownAnswers, *, spikes: bool) -> KnownAnswers:
    """Known answers with three wrong spikes or four wrong membranes."""
    answers = shallow(answers)
    recording = answers.recording
    if not spikes:
        membrane = {"out": recording.membrane["out"].copy()}
        membrane["out"].flat[[0, 5, 77, -1]] += np.array([1, -1, 100, 5], np.int32)
        return replace(answers, recording=replace(recording, membrane=membrane))
    dense = recording.spikes["h0"].dense()
    dense.flat[[0, 100, -1]] ^= True
    changed = {**recording.spikes, "h0": Raster.from_dense(dense)}
    return replace(answers, recording=replace(recording, spikes=changed))


@pytest.mark.parametrize(("spikes", "different"), [(True, [3, 0]), (False, [0, 4])])
def test_wrong_answers_are_counted(spikes: bool, different: list[int], tmp_path: Path) -> None:
    network = random_network(3, 2, False)
    answers = wrong(known_answers(network), spikes=spikes)
    path = C.write(network, tmp_path / "network.c", answers=answers).path
    code, lines = run_program(compiled("-DNMTOOL_MAIN", *SANITIZED, path, folder=tmp_path))
    assert code == 1
    assert [int(line.split()[-1]) for line in lines[1:3]] == different
    place = compare_recordings(answers.recording, simulate(network, answers.spikes))
    assert lines[3] == f"first difference: {place.first_divergence}"


# Tests that use the interface for firmware from another C file


def test_wrong_counts_in_answers_are_counted(tmp_path: Path) -> None:
    network = counting(random_network(4, 2, False))
    answers = shallow(answers_to(network, random_input(network, 5, 2, 60)))
    counts = answers.recording.spikes["h0"].dense_counts()
    place = np.flatnonzero(counts)[[3, 40]]
    assert counts.flat[place[1]] > 1, "a count, not only a spike, must be wrong"
    counts.flat[place] -= 1
    spikes = {**answers.recording.spikes, "h0": Raster.from_dense(counts)}
    wrong = replace(answers, recording=replace(answers.recording, spikes=spikes))
    path = C.write(network, tmp_path / "network.c", answers=wrong).path
    assert C(path).known_answers().to_bytes() == wrong.to_bytes()
    code, lines = run_program(compiled("-DNMTOOL_MAIN", *SANITIZED, path, folder=tmp_path))
    assert (code, lines[1].split()[-1]) == (1, "2")
    difference = compare_recordings(wrong.recording, simulate(network, wrong.spikes))
    assert lines[3] == f"first difference: {difference.first_divergence}"


COUNTING = """
int printf(const char *, ...);

int main(void)
{
    const nmtool_index channels[] = {0, 2};
    const uint8_t counts[] = {9, 4}, none[] = {9, 0}, too_many[] = {10, 4};

    nmtool_reset();
    for (int i = 0; i < 60; i++) {
        if (nmtool_step(channels, none, 2) != -1 || nmtool_step(channels, too_many, 2) != -1 ||
            nmtool_step(channels, counts, i % 3) != 0) {
            return 1;
        }
        for (int k = 0; k < nmtool_n_spikes_h0; k++) {
            printf("%d:%d:%d ", i, (int)nmtool_spikes_h0[k], (int)nmtool_counts_h0[k]);
        }
    }
    return 0;
}
"""


def test_a_firmware_gives_and_takes_counts(tmp_path: Path) -> None:
    network = counting(random_network(4, 2, False))
    path = C.write(network, tmp_path / "network.c").path
    firmware = tmp_path / "firmware.c"
    firmware.write_text(interface(path.read_text()) + COUNTING)
    code, lines = run_program(compiled(*SANITIZED, path, firmware, folder=tmp_path))
    dense = np.zeros((1, 60, 5), np.uint8)
    dense[0, :, 0], dense[0, :, 2] = 9 * (np.arange(60) % 3 > 0), 4 * (np.arange(60) % 3 > 1)
    spikes = simulate(network, Raster.from_dense(dense)).spikes["h0"]
    assert 2 < spikes.most_spikes <= 9
    bins = zip(spikes.step, spikes.neuron, spikes.bin_counts(), strict=True)
    words = [f"{step}:{neuron}:{count}" for step, neuron, count in bins]
    assert (code, [line.split() for line in lines]) == (0, [words])


FIRMWARE = """
int printf(const char *, ...);

int main(void)
{
    nmtool_index some[] = {0, 2, 4}, none_such[] = {1, 5};
    for (int sample = 0; sample < 2; sample++) {
        nmtool_reset();
        for (int i = 0; i < 60; i++) {
            if (i == 30 && (nmtool_step(none_such, 2) != -1 || nmtool_step(some, -1) != -1 ||
                            nmtool_step(some, 6) != -1)) {
                return 1;
            }
            nmtool_step(some, i % 3);
            for (int k = 0; k < nmtool_n_spikes_h0; k++) {
                printf("%d:%d ", i, (int)nmtool_spikes_h0[k]);
            }
        }
        printf("%d %d\\n", (int)nmtool_membrane_out[3], nmtool_answer());
    }
    return 0;
}
"""


def interface(text: str) -> str:
    """The part of the comment that users are meant to copy."""
    begin, end = text.index("/* ---- Interface"), text.index("/* ---- End of the interface")
    return "#include <stdint.h>\n" + text[begin:end]


def test_the_file_is_linked_into_a_firmware(tmp_path: Path) -> None:
    network = random_network(3, 1, False)
    path = C.write(network, tmp_path / "network.c", answers=known_answers(network)).path
    firmware = tmp_path / "firmware.c"
    firmware.write_text(interface(path.read_text()) + FIRMWARE)
    code, lines = run_program(compiled(*SANITIZED, path, firmware, folder=tmp_path))
    dense = np.zeros((1, 60, 5), bool)
    dense[0, :, 0], dense[0, :, 2] = np.arange(60) % 3 > 0, np.arange(60) % 3 > 1
    expected = simulate(network, Raster.from_dense(dense))
    spikes = expected.spikes["h0"]
    assert spikes.n_spikes > 20
    words = [f"{step}:{n}" for step, n in zip(spikes.step, spikes.neuron, strict=True)]
    words += [str(expected.membrane["out"][0, -1, 3]), str(expected.predictions[0])]
    assert (code, [line.split() for line in lines]) == (0, [words, words])


# Tests of the readout


ANSWERING = """
int printf(const char *, ...);

int main(void)
{
    nmtool_index channel = 0;
    for (int sample = 0; sample < 8; sample++) {
        nmtool_reset();
        for (int i = 0; i < 70; i++) {
            nmtool_step(&channel, (i * i + sample) % 7 < 3);
        }
        printf("%d\\n", nmtool_answer());
    }
    return 0;
}
"""


@pytest.mark.parametrize(
    ("rule", "window"),
    [(rule, None) for rule in RULES if rule != WINDOW] + [(WINDOW, 9), (WINDOW, 200)],
)
@pytest.mark.parametrize("seed", [1, 2, 8])
def test_answers_are_those_of_the_readout(
    seed: int, rule: str, window: int | None, tmp_path: Path
) -> None:
    network = random_network(seed, 1, rule == FIRST_SPIKE)
    network = replace(network, readout=Readout("out", rule, window))
    dense = np.zeros((8, 70, 5), bool)
    step, sample = np.arange(70), np.arange(8)[:, None]
    dense[:, :, 0] = (step * step + sample) % 7 < 3
    expected = simulate(network, Raster.from_dense(dense)).predictions
    path = C.write(network, tmp_path / "network.c").path
    firmware = tmp_path / "firmware.c"
    firmware.write_text(interface(path.read_text()) + ANSWERING)
    code, lines = run_program(compiled(*SANITIZED, path, firmware, folder=tmp_path))
    assert (code, [int(line) for line in lines]) == (0, expected.tolist())


@pytest.mark.parametrize(
    "readout", [Readout("out", "mean"), Readout("out", "max"), Readout("out", WINDOW, 9)]
)
def test_answers_in_the_middle_of_a_stream_are_those_of_a_session(
    readout: Readout, tmp_path: Path
) -> None:
    network = replace(random_network(2, 1, False), readout=readout)
    path = C.write(network, tmp_path / "network.c").path
    firmware = tmp_path / "firmware.c"
    asking = ANSWERING.replace("        }\n        printf", "        printf").replace(
        "answer());\n", "answer());\n        }\n"
    )
    firmware.write_text(interface(path.read_text()) + asking)
    code, lines = run_program(compiled(*SANITIZED, path, firmware, folder=tmp_path))
    session, expected = Session(network), []
    for sample in range(8):
        session.reset()
        for i in range(70):
            session.feed([0] * ((i * i + sample) % 7 < 3))
            session.step()
            expected.append(session.decision().label)
    assert (code, [int(line) for line in lines]) == (0, expected)
    assert len(set(expected)) > 1


def test_importance_is_rounded_to_15_bits() -> None:
    table = importance(Readout("out", "weighted"), 500)
    exact = np.exp(-np.arange(500) / 500) * IMPORTANCE_ONE
    assert (table[0], table.max()) == (IMPORTANCE_ONE, IMPORTANCE_ONE)
    assert abs(table - exact).max() <= 0.5
