"""The tool files of a domain: its own, the shared ones, and trying a tool in a sandbox."""
