"""Looks at the built site in headless Chromium: python tests/helpers/look_at_site.py docs/_build.

Each page, narrow in light and wide in dark colours: it does not scroll sideways, the console has no errors, pictures
are there, nothing comes from another server; and a search finds pages.
"""

import json
import subprocess
import sys
import tempfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

SCRIPT = """<!doctype html><iframe width="%d" height="900"></iframe><script>
const frame = document.querySelector("iframe"), wrong = [];
const found = () => frame.contentDocument.querySelectorAll("#search-results li");
const load = page => new Promise(done => { frame.onload = done; frame.src = page; });
(async () => {
  for (const page of %s) {
    await load(page);
    const inside = frame.contentDocument, root = inside.documentElement;
    if (root.scrollWidth > root.clientWidth) wrong.push(page + " scrolls sideways");
    for (const one of inside.images) if (one.complete && !one.naturalWidth) wrong.push(page + " lacks " + one.src);
    for (const one of frame.contentWindow.performance.getEntriesByType("resource"))
      if (!one.name.startsWith(location.origin)) wrong.push(page + " loads " + one.name);
  }
  await load("search.html?q=memristor");
  for (let tries = 0; tries < 300 && !found().length; tries++) await new Promise(done => setTimeout(done, 100));
  await fetch("/seen", {method: "POST", body: JSON.stringify({wrong, found: found().length})});
})();
</script>"""


class Handler(SimpleHTTPRequestHandler):
    """Serves the site, and the script that looks at it; takes what that has seen."""

    def do_GET(self):
        if self.path != "/look":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        return self.wfile.write(self.server.script.encode())

    def do_POST(self):
        self.server.seen = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.done.set()

    def log_message(self, *arguments):
        pass


def look(site: Path, width: int, dark: bool) -> list[str]:
    """Return what is wrong with the pages of a site."""
    pages = sorted(str(path.relative_to(site)) for path in site.rglob("*.html") if "_static" not in path.parts)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    server.script, server.done, server.seen = SCRIPT % (width, json.dumps(pages)), Event(), None
    Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as own, tempfile.TemporaryFile("w+") as log:
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        command += [f"--user-data-dir={own}", "--enable-logging=stderr", f"--window-size={width + 40},1000"]
        command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        command += [
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            f"http://127.0.0.1:{server.server_port}/look",
        ]
        browser = subprocess.Popen(command, stdout=log, stderr=log)
        server.done.wait(600)
        browser.terminate()
        browser.wait(30)
        server.shutdown()
        log.seek(0)
        wrong = [line.strip() for line in log if "CONSOLE" in line]
    if server.seen is None:
        return [*wrong, "the browser did not come to an end"]
    found = [] if server.seen["found"] else ["a search for 'memristor' finds nothing"]
    print(f"{len(pages)} pages at {width} pixels, {server.seen['found']} results of a search, {len(wrong)} messages")
    return wrong + found + server.seen["wrong"]


if __name__ == "__main__":
    wrong = [line for width, dark in ((400, False), (1400, True)) for line in look(Path(sys.argv[1]), width, dark)]
    print("\n".join(wrong))
    sys.exit(bool(wrong))
