"""``python -m gradcert``."""

from gradcert.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
