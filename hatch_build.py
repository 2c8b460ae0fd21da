"""Compiles what every record passes through, where a wheel is built to be run.

Hatch calls it only with ``HATCH_BUILD_HOOKS_ENABLE=1``. See docs/decisions/compiled.md.
"""

import os
import sysconfig
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileHook(BuildHookInterface[Any]):
    """Its options are globs: ``modules`` to be compiled, ``interpreted`` ones among them not to be.

    A checkout that is edited is left as it is: what is compiled goes before its source.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        check_compiler()
        self._scratch = TemporaryDirectory(prefix="nudge-compiled-")  # as long as the build
        libraries = Path(self._scratch.name) / "libraries"
        compile_all(self._sources(), libraries, Path(self._scratch.name))
        for library in libraries.rglob("*.so"):
            build_data["force_include"][str(library)] = str(library.relative_to(libraries))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def _sources(self) -> list[Path]:
        root = Path(self.root)
        wanted, left = (
            {path.relative_to(root) for glob in self.config[globs] for path in root.glob(glob)}
            for globs in ("modules", "interpreted")
        )
        return sorted(wanted - left)


def check_compiler() -> None:
    """
    Raises:
        RuntimeError: there is nothing to compile with.
    """
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_path("include"), "Python.h")
    if which(compiler) is None or not header.exists():
        raise RuntimeError(
            f"To compile Nudge takes a C compiler ({compiler}) and Python's headers ({header})."
            " Install them (Debian and Ubuntu: apt-get install gcc python3-dev), or build without"
            " HATCH_BUILD_HOOKS_ENABLE: the same product, slower."
        )


def compile_all(sources: list[Path], libraries: Path, scratch: Path) -> None:
    """Compiles the sources, which lie below the working directory, into ``libraries``."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    at_once = os.cpu_count() or 1
    extensions = cythonize(
        [
            Extension(
                ".".join(path.with_suffix("").parts), [str(path)], extra_compile_args=["-g0", "-w"]
            )
            for path in sources
        ],
        nthreads=at_once,
        build_dir=str(scratch / "c"),
        quiet=True,
        # Annotations are mypy's: here they would turn subclasses away and change what is computed.
        compiler_directives={"language_level": 3, "annotation_typing": False, "binding": False},
    )
    build = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    build.build_lib, build.build_temp = str(libraries), str(scratch / "o")
    build.parallel = at_once
    build.ensure_finalized()
    build.run()
