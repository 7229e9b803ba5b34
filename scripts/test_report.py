"""Drives a headless Chromium over its DevTools protocol; see test_report. Standard library alone."""
import base64
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request


class Page:
    """A tab: commands go over a WebSocket, events are kept."""

    def __init__(self, url):
        host, _, path = url.removeprefix("ws://").partition("/")
        name, port = host.split(":")
        self.socket = socket.create_connection((name, int(port)), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.stream = self.socket.makefile("rb")
        while self.stream.readline() not in (b"\r\n", b""):
            pass
        self.count, self.events = 0, []

    def _send(self, text):
        data = text.encode()
        mask = os.urandom(4)
        size = struct.pack("!B", 0x80 | len(data)) if len(data) < 126 else \
            struct.pack("!BH", 0x80 | 126, len(data)) if len(data) < 65536 else \
            struct.pack("!BQ", 0x80 | 127, len(data))
        self.socket.sendall(b"\x81" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def _receive(self):
        data = b""
        while True:
            first, second = self.stream.read(2)
            size = second & 0x7F
            if size == 126:
                size = struct.unpack("!H", self.stream.read(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", self.stream.read(8))[0]
            data += self.stream.read(size)
            if first & 0x80:
                return json.loads(data)

    def call(self, method, **parameters):
        self.count += 1
        self._send(json.dumps({"id": self.count, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") == self.count:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"].get("value")

    def open(self, address):
        self.call("Page.navigate", url=address)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._receive())


def launch(browser, profile):
    process = subprocess.Popen([browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                                "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
    for line in process.stderr:  # ends when the browser does
        found = re.search(r"DevTools listening on ws://[^:]+:(\d+)/", line)
        if found:
            threading.Thread(target=process.stderr.read, daemon=True).start()  # or the pipe would fill up
            tabs = json.load(urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/json"))
            return process, Page(next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"])
    process.kill()
    raise SystemExit("test_report: the browser did not start")


SORT = """(() => {
  const table = document.querySelector('table.sortable:has(tbody.human)') || document.querySelectorAll('table.sortable')[1]
    || document.querySelector('table.sortable');
  const column = 1, head = table.tHead.rows[0].cells[column];
  const values = () => [...table.querySelector('tbody.rows').rows].map(row => row.cells[column].dataset.value)
    .filter(value => value !== '').map(Number);
  const before = values();
  head.querySelector('button')?.click();
  const up = values(), state = head.getAttribute('aria-sort');
  head.querySelector('button')?.click();
  return {before, up, down: values(), state, then: head.getAttribute('aria-sort')};
})()"""


# Words of a figure whose boxes meet; a rotated label's box is as it is drawn.
OVERLAPS = """[...document.querySelectorAll('figure svg')].flatMap((svg, number) => {
  const words = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
  return words.flatMap(([a, p], i) => words.slice(i + 1).filter(([, q]) => p.left + 1 < q.right && q.left + 1 < p.right
    && p.top + 2 < q.bottom && q.top + 2 < p.bottom).map(([b]) => number + ': ' + a + ' / ' + b));
})"""


def check(ok, what, failures):
    print(("ok    " if ok else "FAILED"), what)
    if not ok:
        failures.append(what)


def main():
    browser, report, folder = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3])
    failures = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process, page = launch(browser, profile)
        try:
            for domain in ("Page", "Runtime", "Log", "Network"):
                page.call(f"{domain}.enable")
            page.open(report.as_uri())

            sorting = page.evaluate(SORT)
            check(len(sorting["before"]) > 1 and sorting["up"] == sorted(sorting["before"]) and
                  sorting["state"] == "ascending", "the results sort upwards when a heading is clicked", failures)
            check(sorting["down"] == sorting["up"][::-1] or sorted(sorting["down"], reverse=True) == sorting["down"],
                  "and downwards the second time", failures)
            check(sorting["then"] == "descending", "and the heading says so", failures)
            figures = page.evaluate("[...document.querySelectorAll('figure svg')].map(svg => ({"
                                    "points: svg.querySelectorAll('.point').length,"
                                    "width: svg.getBoundingClientRect().width,"
                                    "bad: /NaN|undefined|inf/.test(svg.outerHTML)}))")
            check(len(figures) > 0 and all(f["points"] > 0 and f["width"] > 100 and not f["bad"] for f in figures),
                  f"{len(figures)} figures are drawn, with points", failures)
            covered = page.evaluate(OVERLAPS)
            check(not covered, f"no word of a figure covers another {covered[:5]}", failures)
            check(page.evaluate("[...document.querySelectorAll('figure')].every(f => f.querySelector('figcaption')?.textContent"
                                " && f.querySelector('svg > desc')?.textContent)"), "every figure is told in words", failures)
            check(page.evaluate("document.querySelectorAll('.texts article').length") > 1,
                  "texts stand side by side", failures)
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            check(page.evaluate("(() => { const b = [...document.querySelectorAll('button.tool')]; "
                                "b.find(x => x.textContent === 'Copy')?.click(); return b.length; })()") > 1,
                  "tables can be copied and figures saved", failures)
            for width in (1280, 500, 390):
                page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
                check(page.evaluate("document.documentElement.scrollWidth <= innerWidth"),
                      f"the page is no wider than a window of {width}", failures)
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = d.className === 'prompt')")

            for width, size in ((1280, "wide"), (500, "narrow")):
                for scheme in ("light", "dark"):
                    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
                    page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
                    shot = page.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
                    (folder / f"{size}-{scheme}.png").write_bytes(base64.b64decode(shot["data"]))

            said = [e for e in page.events if e.get("method") in
                    ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")]
            check(not said, f"nothing on the console {[json.dumps(e)[:300] for e in said]}", failures)
            asked = [e["params"]["request"]["url"] for e in page.events if e.get("method") == "Network.requestWillBeSent"]
            check(all(url == report.as_uri() for url in asked), f"no other file is asked for {asked[1:]}", failures)
        finally:
            process.terminate()
            process.wait()
    print(f"screenshots in {folder}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
