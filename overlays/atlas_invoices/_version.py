"""The version, where the build, the command and the User-Agent header all read it."""

__version__ = "0.1.0"
