"""What of a project needs code to be known: the emitters, the loggers, the emissions."""
