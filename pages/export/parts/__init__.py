"""What the screens of the job *export* draw: the choice of a trainer, and signed links."""
