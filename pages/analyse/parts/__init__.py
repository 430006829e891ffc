"""What the screens of the job *analyse* draw: measures, comparisons, charts, tables of scores."""
