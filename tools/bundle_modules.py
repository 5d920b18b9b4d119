"""Writes JavaScript modules as one script, so that a page can hold a library without a server.

    bundle_modules.py GLOBAL ENTRY [NAME=FILE ...] -- FILE ...

The script sets the variable GLOBAL to what the module ENTRY exports by default. FILEs are all
modules that it needs, .js or .json; NAME=FILE says which one a bare import means. Modules become
functions that run on demand, exports become getters, so that modules may import each other.
Understands import and export statements that begin a line, as formatters write them.
"""

import os.path
import re
import sys

IMPORT = re.compile(
    r"^import\s+(?:(\w+)\s*,?\s*)?(?:\{([^}]*)\}|\*\s+as\s+(\w+))?\s*from\s*'([^']+)';?", re.M
)
IMPORT_ONLY = re.compile(r"^import\s+'([^']+)';?", re.M)
EXPORT_ALL = re.compile(r"^export\s+\*(?:\s+as\s+(\w+))?\s+from\s*'([^']+)';?", re.M)
EXPORT_FROM = re.compile(r"^export\s+\{([^}]*)\}\s*from\s*'([^']+)';?", re.M)
EXPORT_NAMES = re.compile(r"^export\s+\{([^}]*)\};?", re.M)
EXPORT_DEFAULT_DECLARED = re.compile(r"^export\s+default\s+((?:class|function\*?)\s+(\w+))", re.M)
EXPORT_DEFAULT = re.compile(r"^export\s+default\s+", re.M)
EXPORT_DECLARED = re.compile(r"^export\s+((?:class|function\*?|const|let|var)\s+(\w+))", re.M)
DOC_COMMENT = re.compile(r"^[ \t]*/\*\*.*?\*/[ \t]*\n", re.M | re.S)


def pairs(names: str) -> list[tuple[str, str]]:
    """[(there, here)] of `a, b as c`."""
    words = [name.split() for name in names.split(",") if name.strip()]
    return [(word[0], word[-1]) for word in words]


class Bundle:
    def __init__(self, files: list[str], aliases: dict[str, str]):
        self.numbers = {os.path.normpath(file): i for i, file in enumerate(files)}
        self.aliases = aliases

    def required(self, importer: str, name: str) -> str:
        path = os.path.normpath(os.path.join(os.path.dirname(importer), name))
        for candidate in (self.aliases.get(name), path, path + ".js", path + "/index.js"):
            if candidate and os.path.normpath(candidate) in self.numbers:
                return f"need({self.numbers[os.path.normpath(candidate)]})"
        sys.exit(f"{importer}: there is no module '{name}'")

    def body(self, file: str) -> str:
        with open(file, encoding="utf-8") as source:
            text = source.read()
        if file.endswith(".json"):
            return f"Object.assign(out, {text.strip()});"
        getters: list[tuple[str, str]] = []

        def declare(match: re.Match, exported: str) -> str:
            getters.append((exported, match[2]))
            return match[1]

        def imported(match: re.Match) -> str:
            module = self.required(file, match[4])
            wanted = [("default", match[1])] if match[1] else []
            wanted += pairs(match[2] or "")
            lines = [f"const {match[3]} = {module};"] if match[3] else []
            if wanted:
                names = ", ".join(f"{there}: {here}" for there, here in wanted)
                lines.append(f"const {{{names}}} = {module};")
            return " ".join(lines)

        def exported_all(match: re.Match) -> str:
            module = self.required(file, match[2])
            if not match[1]:
                return f"share(out, {module});"
            getters.append((match[1], module))
            return ""

        def exported_from(match: re.Match) -> str:
            module = self.required(file, match[2])
            getters.extend((here, f"{module}.{there}") for there, here in pairs(match[1]))
            return ""

        def exported_names(match: re.Match) -> str:
            getters.extend((there, here) for here, there in pairs(match[1]))
            return ""

        text = DOC_COMMENT.sub("", text)
        text = IMPORT.sub(imported, text)
        text = IMPORT_ONLY.sub(lambda match: f"{self.required(file, match[1])};", text)
        text = EXPORT_ALL.sub(exported_all, text)
        text = EXPORT_FROM.sub(exported_from, text)
        text = EXPORT_NAMES.sub(exported_names, text)
        text = EXPORT_DEFAULT_DECLARED.sub(lambda match: declare(match, "default"), text)
        if EXPORT_DEFAULT.search(text):
            getters.append(("default", "default_"))
            text = EXPORT_DEFAULT.sub("const default_ = ", text)
        text = EXPORT_DECLARED.sub(lambda match: declare(match, match[2]), text)
        left = re.search(r"^(import|export)\b.*", text, re.M)
        if left:
            sys.exit(f"{file}: not understood: {left[0]}")
        shown = ", ".join(f"{name}: () => {value}" for name, value in getters)
        return f"show(out, {{{shown}}});\n{text}"


PRELUDE = """\
const made = [];
const show = (out, getters) => {
  for (const [name, get] of Object.entries(getters)) {
    Object.defineProperty(out, name, {enumerable: true, get});
  }
};
const share = (out, from) => {
  for (const name of Object.keys(from)) {
    if (name !== 'default') show(out, {[name]: () => from[name]});
  }
};
const need = (number) => {
  if (!made[number]) {
    made[number] = {};
    modules[number](made[number]);
  }
  return made[number];
};
"""


def main() -> None:
    separator = sys.argv.index("--")
    variable, entry, *aliases = sys.argv[1:separator]
    files = sys.argv[separator + 1 :]
    bundle = Bundle(files, dict(alias.split("=", 1) for alias in aliases))
    modules = [f"(out) => {{\n{bundle.body(file)}\n}}" for file in files]
    print(f"var {variable} = (() => {{\n'use strict';\n{PRELUDE}const modules = [")
    print(",\n".join(modules))
    print(f"];\nreturn need({bundle.numbers[os.path.normpath(entry)]}).default;\n}})();")


if __name__ == "__main__":
    main()
