# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Draws an instance's life: what is read when, and what the counters do meanwhile.

python doc/drawings/life.py > doc/source/billing/life.svg
"""

import dataclasses
import sys
from collections.abc import Iterator
from xml.sax.saxutils import escape

__all__ = ["LIFE", "Step", "svg"]


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A moment at which nova sends a reading.

    :ivar name: of the unversioned notification, without ``compute.instance.``
    :ivar runs: whether a guest runs after it
    :ivar pause: how long it is till the next one, in columns
    """

    name: str
    runs: bool
    pause: float = 1


#: An instance to which everything happens.
LIFE = (
    Step("create.end", runs=True, pause=1.5),
    Step("exists", runs=True, pause=1.5),
    Step("reboot.start", runs=False, pause=0.5),
    Step("reboot.end", runs=True),
    Step("power_off.start", runs=False),
    Step("power_on.end", runs=True),
    Step("suspend.start", runs=False),
    Step("resume.end", runs=True),
    Step("rescue.start", runs=False, pause=0.5),
    Step("rescue.end", runs=True),
    Step("unrescue.start", runs=False, pause=0.5),
    Step("unrescue.end", runs=True),
    Step("rebuild.start", runs=False, pause=0.5),
    Step("rebuild.end", runs=True),
    Step("resize.start", runs=False, pause=0.5),
    Step("finish_resize.end", runs=True),
    Step("resize.revert.end", runs=True),
    Step("live_migration.post.dest.end", runs=True),
    Step("shelve.start", runs=False),
    Step("shelve_offload.start", runs=False),
    Step("unshelve.end", runs=True),
    Step("soft_delete.start", runs=False),
    Step("restore.end", runs=True),
    Step("delete.start", runs=False),
)

_COLUMN, _LEFT, _RIGHT = 46, 90, 40
_LABELS, _GUEST, _COUNTER, _TOTAL = 210, 230, 340, 470
_RISE = 55
_HEIGHT = 520
_STYLE = """
text { font: 13px sans-serif; fill: #333 }
.label { font: 12px monospace }
.axis { stroke: #999; fill: none }
.guest { fill: #cfe3f5; stroke: #6b9ac4 }
.counter { stroke: #c0392b; fill: none; stroke-width: 1.8 }
.total { stroke: #27803b; fill: none; stroke-width: 1.8 }
.last { fill: #c0392b }
.first { fill: #27803b }
.moment { stroke: #bbb; stroke-dasharray: 2 3 }
""".strip()


def svg() -> str:
    """Return the picture."""
    ends = _LEFT + _COLUMN * sum(step.pause for step in LIFE)
    width = round(ends + _RIGHT)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}"'
            ' role="img">',
            "<title>The readings of an instance's life</title>",
            '<rect width="100%" height="100%" fill="#fff"/>',
            f"<style>{_STYLE}</style>",
            _text(8, _GUEST + 16, "guest"),
            _text(8, _COUNTER, "counter"),
            _text(8, _TOTAL, "lifetime"),
            *_guests(),
            *_curves(),
            *_readings(),
            "</svg>",
            "",
        ]
    )


def _text(x: float, y: float, said: str, kind: str = "") -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}"{of_kind}>{escape(said)}</text>'


def _columns() -> Iterator[tuple[float, Step]]:
    x = float(_LEFT)
    for step in LIFE:
        yield x, step
        x += step.pause * _COLUMN


def _is_last(step: Step) -> bool:
    return step.name.endswith(".start")


def _guests() -> Iterator[str]:
    """A bar for each process of the guest."""
    begun: float | None = None
    for x, step in _columns():
        # What begins without an end before it took over from the one that ran.
        if begun is not None and step.name != "exists":
            yield (
                f'<rect class="guest" x="{begun:g}" y="{_GUEST}" '
                f'width="{x - begun - 3:g}" height="24" rx="3"/>'
            )
            begun = None
        if step.runs and step.name != "exists":
            begun = x


def _curves() -> Iterator[str]:
    """The counters, which fall to zero, and their total, which never does."""
    counter, total, rose, grown = [], [], 0.0, 0.0
    runs, last = False, float(_LEFT)
    for x, step in _columns():
        if runs:
            rose += x - last
            grown += x - last
        counter.append((x, rose))
        total.append((x, grown))
        if step.name != "exists":
            rose = 0.0
            counter.append((x, rose))
        runs, last = step.runs, x
    highest = max(height for _, height in counter)
    for kind, base, points, scale in (
        ("counter", _COUNTER, counter, _RISE / highest),
        ("total", _TOTAL, total, _RISE * 1.4 / grown),
    ):
        drawn = " ".join(f"{x:g},{base - height * scale:g}" for x, height in points)
        yield f'<polyline class="{kind}" points="{drawn}"/>'
        yield (
            f'<line class="axis" x1="{_LEFT}" y1="{base}" x2="{last:g}" y2="{base}"/>'
        )


def _readings() -> Iterator[str]:
    """A dot and a name for each notification that carries a reading."""
    for x, step in _columns():
        kind = "last" if _is_last(step) else "first"
        yield (
            f'<line class="moment" x1="{x:g}" y1="{_LABELS + 10}" x2="{x:g}" '
            f'y2="{_TOTAL}"/>'
        )
        yield f'<circle class="{kind}" cx="{x:g}" cy="{_LABELS + 8}" r="4"/>'
        yield (
            f'<text class="label" transform="translate({x + 4:g},{_LABELS}) '
            f'rotate(-70)">{escape(step.name)}</text>'
        )


if __name__ == "__main__":
    sys.stdout.write(svg())
