"""The running side: what a system really emitted, as Records, and the checks over them."""
