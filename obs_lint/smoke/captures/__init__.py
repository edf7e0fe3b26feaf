"""Where records come from while a system runs: one module a kind of source, all with the same small interface."""
