"""What a codebase declares and emits, joined: for people, for other tools, over several repositories."""
