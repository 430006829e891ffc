"""`python -m engine`: the command line of cli/."""

from engine.private_environment import hide

if __name__ == "__main__":
    hide()  # before the rest is imported, which takes a while
    from cli.main import main

    main()
