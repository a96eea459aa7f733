"""Studies: several training runs, and ensembles of networks.

search          search training settings by validation accuracy
folds           cross-validation: every sample is classified by a network not trained on it
ensembles       several networks joined to one with summed outputs
"""
