"""Studies: series of training runs, and ensembles of networks.

sweep           search training settings by validation accuracy
folds           cross-validation: every sample is answered by a network that has not learnt from it
ensembles       several networks as one, whose outputs are added
teaching        class probabilities of networks, for others to learn from
"""
