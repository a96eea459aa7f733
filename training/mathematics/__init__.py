"""The mathematics of EventProp: a readable reference in steps, and a continuous-time oracle."""
