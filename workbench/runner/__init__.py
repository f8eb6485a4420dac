"""The runner: the process that owns one fix session, from its prompt to its evidence."""
