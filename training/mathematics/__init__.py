"""The mathematics of EventProp: a readable reference in steps."""
