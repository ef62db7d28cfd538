"""Shows figures: a table of plain text, at most 100 columns wide, or JSON."""

from tools.bench.figures import ROWS

_HEADS = ("what", "measured", "middle half", "first bar", "goal", "reaches")


def _cells(row, figure):
    sign = ">= " if row.more else "<= "
    bars = ["" if bar is None else sign + row.number(bar) for bar in (row.first_bar, row.goal)]
    bars[1] = bars[1] or row.goal_text
    if figure is None:
        return (row.what, "failed", "", *bars, "")
    spread = "-".join(row.number(value) for value in figure.spread or ())
    measured = f"{row.number(figure.value)} {row.unit}".rstrip()
    return (row.what, measured, spread, *bars, row.reached(figure.value))


def lines(figures, wanted):
    """The table of the rows whose keys are wanted; one without a figure has failed."""
    cells = [_HEADS]
    cells += [_cells(row, figures.get(row.key)) for row in ROWS if row.key in wanted]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    shown = []
    for line in cells:
        texts = [line[0].ljust(widths[0])]
        texts += [cell.rjust(width) for cell, width in zip(line[1:5], widths[1:5], strict=True)]
        shown.append("  ".join([*texts, line[5]]).rstrip())
    shown.insert(1, "-" * (sum(widths) + 2 * len(widths) - 2))
    return shown


def as_json(figures, wanted):
    """The same rows as a list for json.dump."""
    rows = []
    for row in ROWS:
        if row.key not in wanted:
            continue
        figure = figures.get(row.key)
        rows.append(
            {
                "key": row.key,
                "what": row.what.strip(),
                "unit": row.unit,
                "value": figure and figure.value,
                "spread": figure and figure.spread,
                "first_bar": row.first_bar,
                "goal": row.goal,
                "reaches": figure and row.reached(figure.value),
            }
        )
    return rows
