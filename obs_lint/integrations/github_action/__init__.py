"""What action.yml runs: inputs in, `obs-lint check` as a user runs it, outputs, annotations and job summary out."""
