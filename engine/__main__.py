"""`python -m engine`: the command line of cli/."""

from cli.main import main

if __name__ == "__main__":
    main()
