"""The workspace of a domain, its variants and hidden tests: a list of files, and views by kind of file."""
