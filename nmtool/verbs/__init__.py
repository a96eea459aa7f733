"""The verbs of `import nmtool`: what a command does, as functions.

Each wires rooms together, and is the only place that does: `loading` reads networks of any
format, `running` simulates and evaluates, `quantising`, `exporting`, `verifying` and `comparing`
do what they say, `walkthrough` is the demo. Training's verbs, `train`, `finetune`, `sweep` and
`cross_validate`, live in `nmtool.training`; `joining` asks the networks of its folds together.
"""
