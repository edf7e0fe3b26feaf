"""The language server: what `obs-lint check` says, while the code is being written."""
