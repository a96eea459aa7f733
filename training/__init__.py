"""Training by EventProp: engines, torch modules, the loop of a run, and studies of many runs."""
