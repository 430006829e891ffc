"""What the screens of the job *export* draw: the choice of a trainer and a length, the first rows, and signed links."""
