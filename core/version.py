"""The version: pyproject.toml, pages and health read it here; CHANGELOG.md has its section."""

from __future__ import annotations

VERSION = "0.1.0"  # a plain literal: setuptools reads it without importing the package
