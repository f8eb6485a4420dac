"""What is installed into a repository, or for a user, for Claude Code: /bugs and its session-start hook."""
