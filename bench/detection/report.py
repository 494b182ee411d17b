"""What a run is shown as: a table, two pictures, and JSON beside them."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl
import numpy as np

from bench.detection.run import OURS, Report

mpl.use("Agg")
from matplotlib import pyplot as plt


def table(report: Report) -> Iterator[str]:
    """Lines of Markdown."""
    yield f"{report.series} series, seed {report.seed}, model {report.model}"
    yield ""
    yield "| detector | precision | recall >= 2 h | median lead h | FA / svc-wk | episodes true, false |"
    yield "|---|---|---|---|---|---|"
    for name, s in report.scores.items():
        yield (
            f"| {name} | {s.precision:.3f} | {s.recall:.3f} | {s.lead_hours:.1f} | {s.false_alarms:.4f} "
            f"| {s.counted[0]}, {s.counted[1]} |"
        )
    yield from _families(report)
    yield from _calibration(report)
    yield ""
    yield (
        f"full looks per second of processor: {report.cost.foreseen:,.0f}; "
        f"{report.cost.ratio:.1f} times a loop of numpy.polyfit over six hours"
    )
    if report.never:
        yield ""
        yield f"| real series that never breach: FA / svc-wk | {' | '.join(report.never)} |"
        yield "|---|" + "---|" * len(report.never)
        for name in report.scores:
            yield f"| {name} | {' | '.join(f'{rates[name]:.3f}' for rates in report.never.values())} |"


def _families(report: Report) -> Iterator[str]:
    names = [name for name, _, _ in OURS]
    yield ""
    yield f"| family | {' | '.join(f'{name}: recall, FA / svc-wk' for name in names)} | look-alikes named |"
    yield "|---|" + "---|" * (len(names) + 1)
    for family in report.scores[names[0]].false_alarms_by_family:
        cells = []
        for name in names:
            s = report.scores[name]
            recall = s.recall_by_family.get(family)
            cells.append(f"{'-' if recall is None else f'{recall:.2f}'}, {s.false_alarms_by_family[family]:.4f}")
        named = ", ".join(f"{reason} {100 * share:.0f} %" for reason, share in report.look_alikes[family].items())
        yield f"| {family} | {' | '.join(cells)} | {named} |"


def _calibration(report: Report) -> Iterator[str]:
    yield ""
    yield "| horizon h | Brier skill | calibration error | p >= 0.8: mean p, observed, count |"
    yield "|---|---|---|---|"
    for c in report.calibrations:
        yield f"| {c.horizon} | {c.skill:.3f} | {c.error:.4f} | {c.sure[0]:.3f}, {c.sure[1]:.3f}, {c.sure[2]} |"
    yield ""
    yield "| hours before the breach | median error of the predicted time, h | share with a time |"
    yield "|---|---|---|"
    for hours, (error, share) in report.time_errors.items():
        yield f"| {hours} | {error:.2f} | {share:.2f} |"


def write(report: Report, folder: Path) -> list[Path]:
    """Write table, JSON and pictures; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("detection.md", "detection.json", "calibration.png", "lead-time.png")]
    paths[0].write_text("\n".join(table(report)) + "\n")
    paths[1].write_text(json.dumps(asdict(report), indent=1, allow_nan=True) + "\n")
    _draw_calibration(report, paths[2])
    _draw_leads(report, paths[3])
    return paths


def _draw_calibration(report: Report, path: Path) -> None:
    figure, (above, below) = plt.subplots(2, 1, figsize=(6, 7), sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1, label="perfect")
    for c in report.calibrations:
        mean, rate, count = (np.array(column) for column in zip(*c.bins, strict=True))
        error = np.sqrt(np.maximum(rate * (1 - rate), 1e-4) / np.maximum(count / 12, 1))
        above.errorbar(mean, rate, yerr=error, marker="o", markersize=4, linewidth=1, capsize=2, label=f"{c.horizon} h")
        below.plot(mean, count, marker="o", markersize=4, linewidth=1)
    above.set(ylabel="observed rate of breaches", title=f"Calibration, {report.series} series, {report.model}")
    above.legend(frameon=False)
    below.set(xlabel="forecast probability", ylabel="evaluations", yscale="log")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _draw_leads(report: Report, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7, 4.5))
    hours = np.linspace(2, 24, 200)
    for name, s in report.scores.items():
        leads = np.array(s.leads)
        share = [s.recall * np.mean(leads >= hour) if leads.size else 0.0 for hour in hours]
        ours = name.startswith("ours")
        axes.plot(hours, share, linewidth=2.2 if ours else 1, linestyle="-" if ours else "--", label=name)
    axes.set(
        xlabel="lead of at least, hours",
        ylabel="share of foreseeable breaches",
        title="How early a breach is known",
        ylim=(0, 1),
        xlim=(2, 24),
    )
    axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
