"""python3 -m barydef COMMAND ...: the same as `barydef COMMAND ...`."""

from barydef.command_line import main

if __name__ == "__main__":
    main()
