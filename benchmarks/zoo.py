"""Add the network of a run to the zoo: `python -m benchmarks.zoo NAME RUN DATA`.

Evaluates and verifies the integers of a run on the test split of its data, measures their cost, and
writes `nmtool/zoo/NAME.npz` and `NAME.toml`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nmtool as nm
from nmtool.machine import cpu_name
from nmtool.toml_files import toml_value

ZOO = Path(__file__).parents[1] / "nmtool" / "zoo"

TITLES = {
    "digits": "handwritten digits of scikit-learn as latencies of edges",
    "spoken-digits": "spoken digits of FSDD as 700 cochlear channels, 234 after grouping",
    "yinyang": "the Yin-Yang figure as four spikes",
}
LICENCES = {
    "spoken-digits": "trained on the Free Spoken Digit Dataset (Z. Jackson et al., CC BY-SA 4.0), "
    "turned into spikes",
}
RECIPES = {"spoken-digits": "fsdd700_integer"}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=TITLES)
    parser.add_argument("run", help="folder of a run that was trained in integers")
    parser.add_argument("data", help="data set of the run")
    parser.add_argument(
        "--against",
        nargs="+",
        default=["lava", "onnx", "c"],
        help="backends to compare with (default: lava onnx c)",
    )
    parser.add_argument(
        "--commit", required=True, help="commit of nmtool with which the run was trained"
    )
    arguments = parser.parse_args()
    network, options = nm.load(arguments.run), nm.Run.load(arguments.run).options
    assert isinstance(network, nm.IntegerNetwork), "the run did not train in integers"
    test = nm.load_dataset(arguments.data).test
    evaluation = nm.evaluate(network, test)
    certificate = nm.verify(network, test, against=arguments.against)
    overflows = certificate.overflows
    assert not overflows["u_wraps"], "currents wrap on the network's own data"
    assert not overflows["v_clips"], "membranes clip on the network's own data"
    recipe = RECIPES.get(arguments.name, arguments.name)
    log = Path(arguments.run, "log.jsonl").read_text(encoding="utf-8")
    epochs = [json.loads(line) for line in log.splitlines()]
    checks = {name: check.comparison for name, check in certificate.checks.items()}
    facts = {
        "title": TITLES[arguments.name],
        "hash": network.content_hash,
        "channels": network.channels.size,
        "neurons": sum(p.size for p in network.populations),
        "synapses": sum(int((p.weight != 0).sum()) for p in network.projections),
        "training": f"nmtool train DATA -o RUN --config {recipe} --arithmetic integer "
        f"--seed {options.seed}",
        "commit": arguments.commit,
        "minutes_on_a_shared_core": round(sum(epoch["seconds"] for epoch in epochs) / 60, 1),
        "machine": cpu_name(),
        "test_samples": evaluation.samples,
        "test_accuracy": round(evaluation.accuracy, 6),
        "synaptic_events_per_sample": round(evaluation.synaptic_events_per_sample, 1),
        "neuron_updates_per_sample": round(evaluation.neuron_updates_per_sample, 1),
        "spikes_compared": {
            name: comparison.spikes_compared for name, comparison in checks.items()
        },
        "spikes_different": {
            name: comparison.spikes_different for name, comparison in checks.items()
        },
    }
    if arguments.name in LICENCES:
        facts["licence_of_data"] = LICENCES[arguments.name]
    network.save(ZOO / f"{arguments.name}.npz")
    lines = [f"{key} = {toml_value(value)}" for key, value in facts.items()]
    (ZOO / f"{arguments.name}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(certificate)
    print(nm.zoo.about(arguments.name).summary())


if __name__ == "__main__":
    main()
