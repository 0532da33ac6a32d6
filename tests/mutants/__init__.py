"""Whether the tests notice when the code of `shared/mirror` and `shared/engine` is changed: `python -m mutants`, see `tests/mutants.md`."""
