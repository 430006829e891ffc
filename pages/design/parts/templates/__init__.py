"""The task templates of a domain: their files, and proving one in a sandbox."""
