"""Ways in which people and programs hand a log on: each makes of a log's text what is then pasted, as bytes."""

import base64
import bz2
import csv
import gzip
import html
import io
import json
import lzma
import quopri
import re
import textwrap
from collections.abc import Callable
from urllib.parse import quote

Disguise = Callable[[str], bytes]


def each_line(made: Callable[[str], str], end: str = "\n") -> Disguise:
    """A disguise of every line by itself."""
    return lambda text: "".join(made(line) + end for line in text.splitlines()).encode()


def numbered(made: Callable[[int, str], str]) -> Disguise:
    """A disguise of every line by itself and its number."""
    return lambda text: "".join(made(*each) + "\n" for each in enumerate(text.splitlines(), 1)).encode()


def replaced(old: str, new: str) -> Disguise:
    """A disguise of some characters."""
    return lambda text: text.replace(old, new).encode()


def around(before: str, after: str = "") -> Disguise:
    """A disguise that has something before the log and behind it."""
    return lambda text: f"{before}{text}{after}".encode()


def _journal(line: str) -> str:
    return json.dumps({"__REALTIME_TIMESTAMP": "1666", "_HOSTNAME": "dom0", "PRIORITY": "6", "MESSAGE": line})


def _journal_bytes(line: str) -> str:
    return json.dumps({"_TRANSPORT": "stdout", "MESSAGE": list(line.encode() + b"\x1b")})


def _docker(line: str) -> str:
    return json.dumps({"log": line + "\n", "stream": "stdout", "time": "2024-05-01T10:00:00.123456789Z"})


def _docker_html_safe(line: str) -> str:
    return _docker(line).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _lava(line: str) -> str:
    return f'- {{"dt": "2024-05-01T10:00:00.123456", "lvl": "target", "msg": {json.dumps(line)}}}'


def _lava_single(line: str) -> str:
    quoted = line.replace("'", "''")
    return f"- {{dt: '2024-05-01T10:00:00.123456', lvl: target, msg: '{quoted}'}}"


def _table(line: str) -> str:
    return f"<tr><td class='n'>1</td><td class=\"line\">{html.escape(line)}</td></tr>"


def _csv(text: str) -> bytes:
    out = io.StringIO()
    rows = csv.writer(out)
    for line in text.splitlines():
        rows.writerow(["2024-05-01T10:00:00", "dom0", line])
    return out.getvalue().encode()


def _mail(text: str) -> bytes:
    head = "From: a@example.org\nMIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\n"
    return head.encode() + quopri.encodestring(text.encode())


def _mail_base64(text: str) -> bytes:
    head = "From: a@example.org\nMIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n"
    return head.encode() + base64.encodebytes(text.encode())


def _flowed(text: str) -> bytes:
    return "".join(
        "\n".join(textwrap.wrap(line, 72, drop_whitespace=False)) + "\n" for line in text.splitlines()
    ).encode()


def wrapped_at(width: int) -> Disguise:
    """Every line cut after so many characters."""

    def made(text: str) -> bytes:
        lines = (
            line[at : at + width] for line in text.splitlines() for at in range(0, len(line) or 1, width)
        )
        return "".join(line + "\n" for line in lines).encode()

    return made


COLOUR = "\x1b[1;32m"
SYSLOG = "<6>1 2024-05-01T10:00:00.123Z dom0 xen 12 - - "

DISGUISES: dict[str, Disguise] = {
    "plain": str.encode,
    # line ends, bytes, encodings
    "CRLF": each_line(str, "\r\n"),
    "CRCRLF": each_line(str, "\r\r\n"),
    "CR": each_line(str, "\r"),
    "NUL": each_line(lambda line: line + "\0"),
    "BOM": around("\ufeff"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a BOM": lambda text: text.encode("utf-16-le"),
    "UTF-16, big-endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "form feeds": replaced("\n", "\n\f"),
    "vertical tabs": replaced("\n", "\v\n"),
    "latin-1": lambda text: b"caf\xe9 \n" + text.encode(),
    "no last line end": lambda text: text.rstrip("\n").encode(),
    "backspaces": each_line(lambda line: line + "x\b \b"),
    # packed
    "gz": lambda text: gzip.compress(text.encode(), mtime=0),
    "two gz in one": lambda text: gzip.compress(text[:700].encode()) + gzip.compress(text[700:].encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "bz2": lambda text: bz2.compress(text.encode()),
    # prefixes
    "mail quote": each_line(lambda line: "> " + line),
    "mail quote without a space": each_line(lambda line: ">" + line),
    "two mail quotes": each_line(lambda line: "> > " + line),
    "bar quote": each_line(lambda line: "| " + line),
    "initials": each_line(lambda line: "JB> " + line),
    "diff added": each_line(lambda line: "+" + line),
    "diff context": each_line(lambda line: " " + line),
    "indented": each_line(lambda line: "    " + line),
    "tabs": replaced("   ", "\t"),
    "syslog": each_line(lambda line: "May  1 10:00:00 dom0 xen[12]: " + line),
    "syslog with octets": each_line(lambda line: SYSLOG + line),
    "ISO time": each_line(lambda line: "2024-05-01T10:00:00.123456+00:00 " + line),
    "time in brackets": each_line(lambda line: "[2024-05-01 10:00:00] " + line),
    "seconds in brackets": each_line(lambda line: "[    0.123456] " + line),
    "minicom's time": each_line(lambda line: "[20:15:01.123] " + line),
    "kernel level": each_line(lambda line: "<6>" + line),
    "kubectl": each_line(lambda line: "2024-05-01T10:00:00.123456789Z stdout F " + line),
    "conserver": each_line(lambda line: "[-- MARK --] " + line),
    "line numbers": numbered(lambda number, line: f"{number:>5}  {line}"),
    "line numbers with colons": numbered(lambda number, line: f"{number}:{line}"),
    "grep": numbered(lambda number, line: f"xen.log:{number}:{line}"),
    "docker compose": each_line(lambda line: "xen-1  | " + line),
    "GitHub Actions": each_line(lambda line: "2024-05-01T10:00:00.1234567Z ##[debug]" + line),
    "GitLab": each_line(lambda line: "2024-05-01T10:00:00.123456Z 01O " + line),
    "QEMU prefix": each_line(lambda line: "qemu: " + line),
    "openQA": each_line(lambda line: "[2024-05-01T10:00:00.1 CEST] [debug] ||| " + line),
    # colours
    "colours": each_line(lambda line: COLOUR + line + "\x1b[0m"),
    "colours within": replaced("->", "\x1b[31m->\x1b[0m"),
    "colours without ESC": each_line(lambda line: "[1;32m" + line + "[0m"),
    "colours without ESC within": replaced("->", "[31m->[0m"),
    "colours with a caret": each_line(lambda line: "^[[1;32m" + line + "^[[0m"),
    "colours written out": each_line(lambda line: "\\x1b[32m" + line + "\\x1b[0m"),
    "colours in octal": each_line(lambda line: "\\033[32m" + line + "\\033[0m"),
    "colours by e": each_line(lambda line: "\\e[32m" + line + "\\e[0m"),
    "colours in JSON": each_line(lambda line: "\\u001b[32m" + line + "\\u001b[0m"),
    "colours by #033": each_line(lambda line: "#033[32m" + line + "#033[0m"),
    "colours with the sign for ESC": each_line(lambda line: "\u241b[32m" + line + "\u241b[0m"),
    "colours with a replaced ESC": each_line(lambda line: "\ufffd[32m" + line + "\ufffd[0m"),
    "erase line": each_line(lambda line: line + "\x1b[K"),
    "cursor moves": each_line(lambda line: "\x1b[01;01H\x1b[=3h" + line),
    "title of the terminal": each_line(lambda line: "\x1b]0;dom0\x07" + line),
    "charset": each_line(lambda line: "\x1b(B" + line),
    # marked up
    "code": around("{code}\n", "{code}\n"),
    "code on the line": around("{code}", "{code}"),
    "code with a title": around("{code:title=xen.log|borderStyle=solid}\n", "{code}\n"),
    "noformat": around("{noformat}\n", "{noformat}\n"),
    "noformat on the line": around("{noformat}", "{noformat}"),
    "panel": around("{panel:title=log}", "{panel}"),
    "quote": around("{quote}", "{quote}"),
    "fence": around("```\n", "```\n"),
    "fence with a language": around("```console\n", "```\n"),
    "fence on the line": around("```", "```"),
    "backticks": each_line(lambda line: f"`{line}`"),
    "bold": each_line(lambda line: f"**{line}**"),
    "list": each_line(lambda line: f"- {line}"),
    "table": each_line(lambda line: f"| {line} |"),
    "table of Jira": each_line(lambda line: f"|{line}|"),
    "BBCode": around("[code]", "[/code]"),
    "BBCode on the line": around("[code]\n", "[/code]\n"),
    "pre": around("<pre>", "</pre>"),
    "pre escaped": lambda text: f"<pre>{html.escape(text)}</pre>".encode(),
    "br": each_line(lambda line: html.escape(line) + "<br>"),
    "br alone": lambda text: "<br/>".join(map(html.escape, text.splitlines())).encode(),
    "HTML table": each_line(_table),
    "span for each line": each_line(lambda line: f'<span class="line" id="L1">{html.escape(line)}</span>'),
    "div for each line": lambda text: "".join(
        f"<div>{html.escape(line)}</div>" for line in text.splitlines()
    ).encode(),
    "span within": replaced("->", '<span class="p">-&gt;</span>'),
    "wiki": each_line(lambda line: " " + line),
    "nowiki": around("<nowiki>", "</nowiki>"),
    "RST": each_line(lambda line: "    " + line),
    "LaTeX": replaced("->", "$\\rightarrow$"),
    # arrows
    "&gt;": replaced("->", "-&gt;"),
    "&amp;gt;": replaced("->", "-&amp;gt;"),
    "&amp;amp;gt;": replaced("->", "-&amp;amp;gt;"),
    "&#62;": replaced("->", "-&#62;"),
    "&#x3e;": replaced("->", "-&#x3e;"),
    "&#x3E; with zeros": replaced("->", "-&#x003E;"),
    "&#45;": replaced("->", "&#45;&gt;"),
    "&minus;": replaced("->", "&minus;&gt;"),
    "&ndash;": replaced("->", "&ndash;&gt;"),
    "&GT;": replaced("->", "-&GT;"),
    "&gt without a semicolon": replaced("->", "-&gt "),
    "u003e": replaced("->", "-\\u003e"),
    "u003E": replaced("->", "-\\u003E"),
    "U003e, twice": replaced("->", "-\\\\u003e"),
    "x3e": replaced("->", "-\\x3e"),
    "backslash": replaced("->", "-\\>"),
    "two backslashes": replaced("->", "\\-\\>"),
    "arrow": replaced("->", "\N{RIGHTWARDS ARROW}"),
    "long arrow": replaced("->", "\N{LONG RIGHTWARDS ARROW}"),
    "other arrow": replaced("->", "\N{RIGHTWARDS DOUBLE ARROW}"),
    "triangle": replaced("->", "-\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"),
    "wide": replaced("->", "-\N{FULLWIDTH GREATER-THAN SIGN}"),
    "&rarr;": replaced("->", "&rarr;"),
    "&#8594;": replaced("->", "&#8594;"),
    "&#x2192;": replaced("->", "&#x2192;"),
    "u2192": replaced("->", "\\u2192"),
    "en dash": replaced("->", "\N{EN DASH}>"),
    "em dash": replaced("->", "\N{EM DASH}>"),
    "minus": replaced("->", "\N{MINUS SIGN}>"),
    "spaces": replaced("->", " -> "),
    "space within": replaced("->", "- >"),
    "two dashes": replaced("->", "-->"),
    "soft hyphen": replaced("->", "-\N{SOFT HYPHEN}>"),
    "zero width space": replaced("->", "->\N{ZERO WIDTH SPACE}"),
    "word joiner": replaced("->", "\N{WORD JOINER}->"),
    "emphasis": replaced("->", "-*>*"),
    # spaces
    "no-break spaces": replaced(" ", "\N{NO-BREAK SPACE}"),
    "&nbsp;": replaced(" ", "&nbsp;"),
    "&#160;": replaced(" ", "&#160;"),
    "&#xa0;": replaced(" ", "&#xa0;"),
    "narrow spaces": replaced(" ", "\N{NARROW NO-BREAK SPACE}"),
    "ideographic spaces": replaced("  ", "\N{IDEOGRAPHIC SPACE}"),
    "one space": each_line(lambda line: " ".join(line.split())),
    "plus for spaces": lambda text: quote(text).encode(),
    # as strings
    "one JSON string": lambda text: json.dumps(text).encode(),
    "one JSON string in ASCII, HTML-safe": lambda text: (
        json.dumps({"body": text}).replace(">", "\\u003e").encode()
    ),
    "JSON of JSON": lambda text: json.dumps({"a": json.dumps({"log": text})}).encode(),
    "pretty JSON": lambda text: json.dumps({"lines": text.splitlines()}, indent=2).encode(),
    "one JSON object": lambda text: json.dumps({"console": text, "ok": True}).encode(),
    "JSON array of objects": lambda text: json.dumps([{"msg": line} for line in text.splitlines()]).encode(),
    "docker": each_line(_docker),
    "docker, HTML-safe": each_line(_docker_html_safe),
    "journalctl": each_line(_journal),
    "journalctl, bytes": each_line(_journal_bytes),
    "journalctl, pretty": each_line(lambda line: json.dumps(json.loads(_journal(line)), indent="\t")),
    "LAVA": each_line(_lava),
    "LAVA, single quotes": each_line(_lava_single),
    "YAML block": lambda text: b"log: |\n" + each_line(lambda line: "  " + line)(text),
    "Python list": lambda text: repr(text.splitlines()).encode(),
    "Python bytes": lambda text: repr(text.encode()).encode(),
    "Python bytes for each line": each_line(lambda line: repr(line.encode() + b"\r\n")),
    "C strings": each_line(lambda line: json.dumps(line + "\n")),
    "shell": each_line(lambda line: f"echo '{line}'"),
    "CSV": _csv,
    "line breaks written out": lambda text: text.replace("\n", "\\n").encode(),
    "line breaks written out twice": lambda text: text.replace("\n", "\\\\n").encode(),
    "CRLF written out": lambda text: text.replace("\n", "\\r\\n").encode(),
    "CR by caret": each_line(lambda line: line + "^M"),
    "CR by #015": each_line(lambda line: line + "#015"),
    "CR as an entity": each_line(lambda line: line + "&#13;"),
    "CR as a hex entity": each_line(lambda line: line + "&#xd;"),
    "CR by octal": each_line(lambda line: line + "\\015"),
    "CR by hex": each_line(lambda line: line + "<0d>"),
    "CR by x0d": each_line(lambda line: line + "\\x0d"),
    "cat -A": each_line(lambda line: line + "^M$"),
    "less": each_line(lambda line: "ESC[32m" + line + "ESC[0m"),
    # mails
    "quoted-printable": _mail,
    "quoted-printable, quoted": lambda text: each_line(lambda line: "> " + line)(
        quopri.encodestring(text.encode()).decode()
    ),
    "base64": _mail_base64,
    "wrapped at words": _flowed,
    "wrapped at 80": wrapped_at(80),
    "wrapped at 76": wrapped_at(76),
    "flowed": lambda text: _flowed(text).replace(b"\n", b" \n"),
    "quoted and wrapped": lambda text: each_line(lambda line: "> " + line)(_flowed(text).decode()),
    "outlook": lambda text: text.replace("\n", "\r\n\r\n").encode(),
    "all on one line": replaced("\n", " "),
    "twice": lambda text: "".join(line + "\n" + line + "\n" for line in text.splitlines()).encode(),
    # a console's own
    "xl console": each_line(lambda line: "(d1) " + line),
    "journalctl's export": each_line(lambda line: f"PRIORITY=6\nMESSAGE={line}\n"),
    "journalctl's JSON with separators": each_line(lambda line: "\x1e" + _journal(line)),
    "Loki": lambda text: json.dumps({"values": [["17", line] for line in text.splitlines()]}).encode(),
    "compact JSON": each_line(lambda line: json.dumps({"m": line, "a": 1}, separators=(",", ":"))),
    "CloudWatch": each_line(lambda line: json.dumps({"message": line, "id": "0"}, separators=(",", ":"))),
    "XML": each_line(lambda line: f"<line n='1'>{html.escape(line)}</line>"),
    "CDATA": around("<![CDATA[", "]]>"),
    "mojibake of an arrow": replaced("->", "\xe2\u2020\u2019"),
    "mojibake of a dash": replaced("->", "\xe2\u20ac\u201c>"),
    "mojibake of spaces": replaced(" ", "\xc2\xa0"),
    "zero width space as an entity": replaced("->", "-&#8203;>"),
    "typescript": around("Script started on 2024-05-01\n", "Script done\n"),
    "trailing spaces": each_line(lambda line: line + " " * 40),
    "without (XEN)": replaced("(XEN) ", ""),
    "smart quotes": each_line(lambda line: f"\u201c{line}\u201d"),
    "quoted, a comma behind": each_line(lambda line: f'  "{line}",'),
    "semicolons": each_line(lambda line: line + ";"),
    "Slack": each_line(lambda line: html.escape(line, quote=False)),
    "capitals in hex": lambda text: re.sub("[0-9a-f]{8,16}", lambda found: found[0].upper(), text).encode(),
}
"""By name."""
