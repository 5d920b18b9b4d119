"""Fills a template of a manual page with what a C header says.

    describe_header.py TEMPLATE HEADER > PAGE

In TEMPLATE the line @SYNOPSIS@ becomes the header's declarations and the line @DESCRIPTION@ becomes
its comments, each below the declarations that it stands above. All else stays.
"""

import re
import sys


def roff(text: str) -> str:
    """Text as roff shows it: no escapes, no requests, minus signs that can be copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def interface(header: str) -> str:
    """What lies between the header's two extern "C" frames."""
    parts = re.split(r"#ifdef __cplusplus\n.*?#endif\n", header, flags=re.S)
    if len(parts) != 3:
        raise ValueError('the header should have extern "C" { and } in #ifdef __cplusplus')
    return parts[1]


def text_of(comment: str) -> str:
    """A comment without its stars, one line for each paragraph and empty lines between them."""
    parts = re.split(r"\n \*\n", comment)
    lines = [re.sub(r"\s*\n \*\s*", " ", part).removeprefix(" *").strip() for part in parts]
    return "\n\n".join(lines)


def groups(header: str) -> list[tuple[str, str]]:
    """[(text of the comment, declarations)], in order."""
    found = re.findall(r"/\*(.*?)\*/\n((?:(?!/\*)[^\n]+\n)+)", interface(header), flags=re.S)
    return [(text_of(comment), code.rstrip()) for comment, code in found]


def code(declarations: str) -> str:
    return ".nf\n.B\n" + "\n.B\n".join(roff(declarations).split("\n")) + "\n.fi\n"


def synopsis(header: str) -> str:
    return ".PP\n".join(code(declarations) for _, declarations in groups(header))


def description(header: str) -> str:
    return "".join(
        f".PP\n{code(declarations)}.RS\n{roff(text)}\n.RE\n"
        for text, declarations in groups(header)
    )


def main() -> None:
    template, header = (open(path, encoding="utf-8").read() for path in sys.argv[1:])
    page = template.replace("@SYNOPSIS@\n", synopsis(header))
    sys.stdout.write(page.replace("@DESCRIPTION@\n", description(header)))


if __name__ == "__main__":
    main()
