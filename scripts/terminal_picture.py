"""Draws what a program shows in a real terminal as an SVG.

    python3 scripts/terminal_picture.py OUT.svg [--columns 100] [--rows 30] [--type TEXT --wait TEXT]... -- COMMAND...

The command runs in a window of tmux. Each --type is typed there and followed by Enter, and each --wait waits until the
window shows that text: they are done in the order given. Then the window's cells, with their colours, become the
picture. No two runs differ unless what the program shows does.
"""
import argparse
import html
import re
import shlex
import subprocess
import sys
import time
import unicodedata

CELL_WIDTH, CELL_HEIGHT, MARGIN = 8.4, 18, 14
PALETTE = ["#3b4252", "#d0606b", "#7fa86a", "#c9a84f", "#6f95c9", "#a87fb5", "#5fa5a9", "#d8dee9",
           "#7b859b", "#e0808a", "#9cc587", "#e2c56f", "#8fb1e0", "#c39fd0", "#7fc5c8", "#f4f6fa"]
FOREGROUND, BACKGROUND = "#d8dee9", "#20242e"


class Step(argparse.Action):
    def __call__(self, parser, options, value, option=None):
        options.steps = (options.steps or []) + [(self.dest, value)]


def colour_of(codes):
    """The colour that follows 38 or 48, and what is left."""
    if codes[0] == 5:
        n = codes[1]
        if n < 16:
            return PALETTE[n], codes[2:]
        if n >= 232:
            level = 8 + 10 * (n - 232)
            return f"#{level:02x}{level:02x}{level:02x}", codes[2:]
        levels = [0, 95, 135, 175, 215, 255]
        n -= 16
        return "#%02x%02x%02x" % (levels[n // 36], levels[n // 6 % 6], levels[n % 6]), codes[2:]
    return "#%02x%02x%02x" % tuple(codes[1:4]), codes[4:]


def styled(style, codes):
    style = dict(style)
    codes = codes or [0]
    while codes:
        code, codes = codes[0], codes[1:]
        if code == 0:
            style = {}
        elif code in (1, 2, 3, 4, 7):
            style[{1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}[code]] = True
        elif code in (22, 23, 24, 27):
            for name in {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",)}[code]:
                style.pop(name, None)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style["fore"] = PALETTE[code - 30 if code < 90 else code - 82]
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style["back"] = PALETTE[code - 40 if code < 100 else code - 92]
        elif code in (38, 48):
            style["fore" if code == 38 else "back"], codes = colour_of(codes)
        elif code in (39, 49):
            style.pop("fore" if code == 39 else "back", None)
        else:
            sys.exit(f"terminal_picture: the window holds a style that is not known here: {code}")
    return style


def runs_of(line):
    """[(column, text, style)] of a line of `tmux capture-pane -e`."""
    style, column = {}, 0
    for piece in re.split(r"(\x1b\[[0-9;:]*m)", line):
        codes = re.fullmatch(r"\x1b\[([0-9;:]*)m", piece)
        if codes:
            style = styled(style, [int(code or 0) for code in re.split("[;:]", codes.group(1))])
        elif piece:
            yield column, piece, style
            column += sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
                          for c in piece)


def drawn(lines, columns):
    width, height = columns * CELL_WIDTH + 2 * MARGIN, len(lines) * CELL_HEIGHT + 2 * MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
           f'viewBox="0 0 {width:g} {height:g}" role="img">',
           f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
           f'<g font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14" fill="{FOREGROUND}" '
           'xml:space="preserve">']
    for row, line in enumerate(lines):
        for column, text, style in runs_of(line):
            fore, back = style.get("fore", FOREGROUND), style.get("back")
            if style.get("reverse"):
                fore, back = back or BACKGROUND, fore
            x, y = MARGIN + column * CELL_WIDTH, MARGIN + row * CELL_HEIGHT
            if back:
                out.append(f'<rect x="{x:.1f}" y="{y}" width="{len(text) * CELL_WIDTH:.1f}" height="{CELL_HEIGHT}" fill="{back}"/>')
            if not text.strip():
                continue
            marks = "".join(mark for name, mark in (("bold", ' font-weight="bold"'), ("dim", ' opacity="0.65"'),
                                                    ("italic", ' font-style="italic"'),
                                                    ("underline", ' text-decoration="underline"')) if style.get(name))
            fill = "" if fore == FOREGROUND else f' fill="{fore}"'
            out.append(f'<text x="{x:.1f}" y="{y + 14}" textLength="{len(text) * CELL_WIDTH:.1f}"{fill}{marks}>'
                       f"{html.escape(text)}</text>")
    return "\n".join(out + ["</g>", "</svg>", ""])


def main():
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--rows", type=int, default=30)
    parser.add_argument("--type", action=Step)
    parser.add_argument("--wait", action=Step)
    parser.set_defaults(steps=[])
    options = parser.parse_args(sys.argv[1:split])
    command = sys.argv[split + 1:]
    if not command:
        parser.error("no command after --")

    def tmux(*words):
        return subprocess.run(["tmux", "-L", "terminal_picture", *words], check=True, capture_output=True, text=True).stdout

    def window(*words):
        return tmux("capture-pane", "-p", *words)

    # The window outlives the command, so that what it showed last can be read.
    tmux("-f", "/dev/null", "new-session", "-d", "-x", str(options.columns), "-y", str(options.rows),
         "TERM=tmux-256color COLORTERM=truecolor " + shlex.join(command) + "; exec sleep 3600")
    try:
        for what, text in options.steps:
            if what == "type":
                tmux("send-keys", "-l", text)
                tmux("send-keys", "Enter")
                continue
            for _ in range(600):
                if text in window():
                    break
                time.sleep(0.1)
            else:
                sys.exit(f"terminal_picture: a minute passed and the window does not show {text!r}:\n{window()}")
        before = None
        while before != (before := window("-e")):  # until nothing moves
            time.sleep(0.3)
        lines = before.rstrip("\n").split("\n")
    finally:
        tmux("kill-server")
    while lines and not re.sub(r"\x1b\[[0-9;:]*m", "", lines[-1]).strip():
        lines.pop()
    with open(options.out, "w", encoding="utf-8") as out:
        out.write(drawn(lines, options.columns))


if __name__ == "__main__":
    main()
