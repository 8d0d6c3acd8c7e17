# SPDX-License-Identifier: Apache-2.0
"""A line chart of shares over shots as SVG: marks differ in shape as well as in colour, whiskers are the intervals."""

from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 430
LEFT, TOP, RIGHT, BOTTOM = 60, 40, 500, 370
COLOURS = ("#0b5fa5", "#c4570a", "#1f7a3a", "#8e2a8b", "#7a5c00", "#a3123a", "#3d3d3d", "#00747a")
SHAPES = ("circle", "square", "triangle", "diamond")


def _mark(shape, x, y, colour):
    size = 4.5
    points = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)), "triangle": ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)),
        "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    }.get(shape)
    if points is None:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{colour}"/>'
    corners = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in points)
    return f'<polygon points="{corners}" fill="{colour}"/>'


def _text(x, y, text, anchor="start", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def chart(title, shots, lines, chance=()):
    """An SVG document.

    `lines` are (name, dashed, [(share, low, high) or None for each of `shots`]); `chance` are levels to rule.
    """
    across = {n: LEFT + (RIGHT - LEFT) * place / max(1, len(shots) - 1) for place, n in enumerate(shots)}

    def level(share):
        return BOTTOM - (BOTTOM - TOP) * share

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif" '
        f'fill="#222"><title>{escape(title)}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 22, title, size=14),
    ]
    for tenth in range(0, 11, 2):
        y = level(tenth / 10)
        out.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="#ddd"/>')
        out.append(_text(LEFT - 8, y + 4, f"{tenth * 10} %", "end"))
    for share in chance:
        y = level(share)
        out.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="#666" stroke-dasharray="2 3"/>')
        out.append(_text(RIGHT - 4, y - 4, f"chance {share:.0%}", "end", 10))
    for n, x in across.items():
        out.append(_text(x, BOTTOM + 18, str(n), "middle"))
    out.append(_text((LEFT + RIGHT) / 2, BOTTOM + 40, "examples in the prompt", "middle"))
    for place, (name, dashed, row) in enumerate(lines):
        colour, shape = COLOURS[place % len(COLOURS)], SHAPES[place % len(SHAPES)]
        points = [(across[n], value) for n, value in zip(shots, row) if value]
        path = "L".join(f"{x:.1f} {level(value[0]):.1f}" for x, value in points)
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        for x, (share, low, high) in points:
            out.append(f'<path d="M{x:.1f} {level(low):.1f}V{level(high):.1f}" stroke="{colour}" opacity="0.6"/>')
            out.append(_mark(shape, x, level(share), colour))
        y = TOP + 8 + 22 * place
        out.append(_mark(shape, RIGHT + 24, y - 4, colour) + _text(RIGHT + 36, y, name))
    return "\n".join(out) + "\n</svg>\n"
