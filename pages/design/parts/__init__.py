"""What the screens of the job *design* draw: drafts of domains with their files, tools and templates, and personas."""
