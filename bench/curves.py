"""A growth curve as a small SVG: one line, logarithmic in x, from zero in y."""

import math
from collections.abc import Sequence
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 640, 320, 60


def draw(path: Path, title: str, points: Sequence[tuple[float, float]]) -> None:
    """Write the curve through `points` to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    low, high = math.log10(points[0][0]), math.log10(points[-1][0])
    top = max(value for _, value in points) * 1.2

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across = (math.log10(point[0]) - low) / ((high - low) or 1)
        return MARGIN + across * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - point[1] / top * (HEIGHT - 2 * MARGIN)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, points))
    marks = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        f'<text x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">{point[1]:.3g}</text>'
        f'<text x="{x:.1f}" y="{HEIGHT - MARGIN + 20}" text-anchor="middle">{point[0]:,.0f}</text>'
        for point in points
        for x, y in [place(point)]
    )
    base = HEIGHT - MARGIN
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/><text x="{MARGIN}" y="24" font-size="14">{title}</text>'
        f'<path d="M{MARGIN} {base}H{WIDTH - MARGIN}" stroke="#999"/>'
        f'<polyline points="{line}" fill="none" stroke="#2456a6" stroke-width="2"/>{marks}</svg>\n',
        encoding="utf-8",
    )
