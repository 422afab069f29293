"""The version, read by the build, the command and the User-Agent header."""

__version__ = "0.1.0"
