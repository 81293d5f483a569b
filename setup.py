"""What the wheel holds: `maskscope`, and the app as it lies in the repository below `_app`.

Everything else about the package stands in pyproject.toml. The app's folders keep their names and
places here; in site-packages a `core` or an `examples` of ours would be in the way of the user's.
"""

from typing import Any

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py

APP = "maskscope._app"
FILES = ["*.js", "*.css", "*.html", "*.json", "*.png", "*.pth", "*.pt2", "*.ipynb"]


class Build(build_py):
    """Leaves this script out, which stands beside app.py."""

    def find_package_modules(self, package: str, package_dir: Any) -> list[tuple[str, str, str]]:
        """Package, module and file of each module in a folder."""
        found: list[tuple[str, str, str]] = super().find_package_modules(package, package_dir)
        return [each for each in found if (package, each[1]) != (APP, "setup")]


rooms = find_namespace_packages(include=["core*", "pages*", "serving*", "examples*"])
setup(
    packages=[
        *find_namespace_packages(include=["maskscope*"]),
        APP,  # app.py and serve.py
        *(f"{APP}.{room}" for room in rooms if "__pycache__" not in room),
    ],
    package_dir={APP: "."},
    package_data={"": FILES, "maskscope": ["py.typed", *FILES], APP: [".streamlit/config.toml"]},
    include_package_data=False,
    cmdclass={"build_py": Build},
)
