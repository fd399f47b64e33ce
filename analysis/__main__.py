"""python3 analysis COMMAND ...: starts the package from the sources, without a build."""

from barydef.command_line import main

if __name__ == "__main__":
    main("analysis")
