"""``python -m nudge``."""

from nudge.cli import main

if __name__ == "__main__":
    main()
