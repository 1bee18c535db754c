#!/usr/bin/env python3
"""Renders the pictures of terminals in the documents: what `tmux capture-pane -e -N -p` prints, as SVG.

    docs/images/render.py            runs the programs in tmux and writes all pictures beside this file
    docs/images/render.py - TITLE    reads a capture from standard input and writes its SVG to standard output

The first form needs tmux, and `frisson` (built in release mode) in target/release or where $FRISSON says.
"""

import os
import re
import subprocess
import sys
import time
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
CELL_WIDTH, CELL_HEIGHT, FONT_SIZE, MARGIN, BAR = 8.4, 18, 14, 16, 34
FOREGROUND, BACKGROUND = "#d8dee9", "#1e222a"
# The eight colours and their bright forms.
PALETTE = ["#3b4252", "#bf3b48", "#a3be8c", "#ebcb8b", "#6c9ce0", "#c58bd6", "#7cc7d8", "#f4f6fa"]
BRIGHT = ["#6b7689", "#e0606c", "#b9d4a2", "#f5dfa8", "#8db4ec", "#d8a8e4", "#9adbe8", "#ffffff"]


def main():
    if sys.argv[1:2] == ["-"]:
        print(svg(sys.stdin.read(), " ".join(sys.argv[2:])))
        return
    program = os.environ.get("FRISSON") or HERE.parents[1] / "target/release/frisson"
    with Tmux(program) as tmux:
        tmux.window("serve", 84, 17, "$ frisson serve --simulate", "serve --simulate 2>/dev/null")
        tmux.wait("serve", "Stop with Ctrl-C")
        tmux.save("serve", "frisson serve")
        tmux.window("connect", 100, 27, "", "connect")
        tmux.wait("connect", "Battery 100 %")
        # Some of everything: two motors, a turn to the left, a timed position, and a pump that is selected.
        for keys in ["4", "j", "7", "j", "2", "j", "3", "r", "j", "j", "5", "j", "8", "+", "+", "j", "6"]:
            tmux.type("connect", keys)
        time.sleep(1.2)  # so that the pressure has a history
        tmux.save("connect", "frisson connect")


class Tmux:
    """A tmux server of our own, which ends with the block."""

    def __init__(self, program):
        self.program = program

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("kill-server")

    def run(self, *arguments):
        command = ["tmux", "-L", "frisson-pictures", "-f", "/dev/null", *arguments]
        environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout

    def window(self, name, width, height, prompt, arguments):
        script = f"printf '{prompt}\\n'; " if prompt else ""
        script += f"exec {self.program} {arguments}"
        self.run("new-session", "-d", "-s", name, "-x", str(width), "-y", str(height), script)

    def type(self, name, keys):
        self.run("send-keys", "-t", name, "-l", keys)
        time.sleep(0.05)

    def wait(self, name, text):
        for _ in range(200):
            if text in self.run("capture-pane", "-p", "-t", name):
                return
            time.sleep(0.05)
        sys.exit(f"{text!r} does not appear in {name}")

    def save(self, name, title):
        capture = self.run("capture-pane", "-e", "-N", "-p", "-t", name)
        (HERE / f"{name}.svg").write_text(svg(capture, title) + "\n")


def svg(capture, title):
    style = Style()
    lines = [list(runs(line, style)) for line in capture.rstrip("\n").split("\n")]
    while lines and not any(text.strip() or style.background for text, style in lines[-1]):
        lines.pop()
    # Blanks count where they have a background.
    columns = max(len("".join(text if not style.background else "x" * len(text) for text, style in line).rstrip()) for line in lines)
    width, height = columns * CELL_WIDTH + 2 * MARGIN, len(lines) * CELL_HEIGHT + BAR + MARGIN
    label = escape(title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'role="img" aria-label="{label}" font-family="ui-monospace, \'DejaVu Sans Mono\', Menlo, Consolas, monospace" '
        f'font-size="{FONT_SIZE}">',
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
        *(f'<circle cx="{20 + 18 * at}" cy="17" r="5.5" fill="{fill}"/>'
          for at, fill in enumerate(["#e0606c", "#ebcb8b", "#a3be8c"])),
        f'<text x="{width / 2:g}" y="21" fill="#8a94a6" font-size="12" text-anchor="middle">{label}</text>',
    ]
    for row, line in enumerate(lines):
        column = 0
        for text, style in line:
            parts += cells(text, style, MARGIN + column * CELL_WIDTH, BAR + row * CELL_HEIGHT)
            column += len(text)
    return "\n".join([*parts, "</svg>"])


def cells(text, style, x, y):
    """The pieces of SVG for a run of characters of one style."""
    width = len(text) * CELL_WIDTH
    foreground, background = style.colours()
    if background:
        yield f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{CELL_HEIGHT}" fill="{background}"/>'
    stripped = text.lstrip()
    x += (len(text) - len(stripped)) * CELL_WIDTH
    stripped = stripped.rstrip()
    if not stripped:
        return
    attributes = f'x="{x:.1f}" y="{y + 13.5}" fill="{foreground}" textLength="{len(stripped) * CELL_WIDTH:.1f}"'
    if style.bold:
        attributes += ' font-weight="bold"'
    if style.dim:
        attributes += ' opacity="0.55"'
    yield f'<text {attributes} xml:space="preserve">{escape(stripped)}</text>'


class Style:
    def __init__(self):
        self.foreground = self.background = None
        self.bold = self.dim = self.reverse = False

    def colours(self):
        if self.reverse:
            return self.background or BACKGROUND, self.foreground or FOREGROUND
        return self.foreground or FOREGROUND, self.background

    def take(self, codes):
        """Takes the parameters of one `ESC [ … m`."""
        codes = [int(code or 0) for code in codes.split(";")]
        while codes:
            code = codes.pop(0)
            if code in (38, 48) and codes[:1] == [5]:
                colour = (PALETTE + BRIGHT)[codes[1] % 16]
                setattr(self, "foreground" if code == 38 else "background", colour)
                del codes[:2]
            else:
                self.apply(code)

    def apply(self, code):
        if code == 0:
            self.__init__()
        elif code in (1, 2, 7):
            setattr(self, {1: "bold", 2: "dim", 7: "reverse"}[code], True)
        elif code == 22:
            self.bold = self.dim = False
        elif code == 27:
            self.reverse = False
        elif 30 <= code <= 37 or 90 <= code <= 97:
            self.foreground = (PALETTE if code < 90 else BRIGHT)[code % 10]
        elif code == 39:
            self.foreground = None
        elif 40 <= code <= 47 or 100 <= code <= 107:
            self.background = (PALETTE if code < 100 else BRIGHT)[code % 10]
        elif code == 49:
            self.background = None

    def copy(self):
        other = Style()
        other.__dict__.update(self.__dict__)
        return other


def runs(line, style):
    """Splits a line into runs of one style. The style goes on from line to line."""
    for escape_code, text in re.findall(r"\x1b\[([\d;]*)m|([^\x1b]+)", line):
        if text:
            yield text, style.copy()
        else:
            style.take(escape_code)


if __name__ == "__main__":
    main()
