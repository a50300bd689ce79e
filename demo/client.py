#!/usr/bin/python3
"""A strict client of the demo's site: asks all the time, each time by a new connection, and counts every answer that is not
the one it wants. When it is ended it tells for how long there was none.

usage: client.py URL
"""
import signal
import sys
import time
import urllib.error
import urllib.request

PAUSE_S, PATIENCE_S = 0.005, 2
KINDS = {"refused": "no connection", "wrong": "the answer was not 200"}


def ask(url):
    """None: answered; else the kind of failure."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            answer.read()
            return None if answer.status == 200 else "wrong"
    except urllib.error.HTTPError:
        return "wrong"
    except OSError:
        return "refused"


def main(url):
    ended, asked, gaps, kind = [], 0, [], None  # gaps: [kind, seconds]
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # straight there
    urllib.request.install_opener(opener)
    last = time.monotonic()
    while not ended:
        before, kind, now = kind, ask(url), time.monotonic()
        if before:
            gaps[-1][1] += now - last
        if kind and kind != before:
            gaps.append([kind, 0.0])
        last, asked = now, asked + 1
        time.sleep(PAUSE_S)
    print(f"The client asked {asked} times.")
    for name, words in KINDS.items():
        lengths = [seconds for kind, seconds in gaps if kind == name]
        print(f"  {words}: {sum(lengths):.2f} s in all" + (f", the longest {max(lengths):.2f} s" if lengths else ""))


if __name__ == "__main__":
    main(sys.argv[1])
