"""The printed table: a line for each way of running a case, ratios below those of CrypTen."""

from collections.abc import Mapping
from typing import Any

HEAD = (
    f"{'case':<12}{'net':<5}{'who':<12}{'set-up s':>9}{'offline ms':>12}{'online ms':>12}{'both ms':>12}"
    f"{'WAN bound':>11}{'x bound':>9}{'rounds':>8}{'online kB':>11}{'dealer kB':>11}{'error':>9}{'load':>6}"
)


def ratios(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, float]:
    """How many times faster ppc is; none where either failed."""
    if "failed" in ours or "failed" in theirs:
        return {}
    return {
        "online_ratio": theirs["online"] / ours["online"],
        "total_ratio": (theirs["offline"] + theirs["online"]) / (ours["offline"] + ours["online"]),
    }


def line(case: str, network: str, who: str, found: Mapping[str, Any]) -> str:
    start = f"{case:<12}{network:<5}{who:<12}"
    if "failed" in found:
        return start + f"FAILED: {found['failed']}"
    offline, online = found["offline"], found["online"]
    times_bound = f"{online / found['wan_bound']:.2f}" if network == "wan" else ""
    return start + (
        f"{found['setup']:>9.2f}{1e3 * offline:>12.1f}{1e3 * online:>12.1f}{1e3 * (offline + online):>12.1f}"
        f"{1e3 * found['wan_bound']:>11.1f}{times_bound:>9}{found['rounds']:>8.0f}{found['online_bytes'] / 1e3:>11.1f}"
        f"{found['dealer_bytes'] / 1e3:>11.1f}{found['max_err']:>9.1e}{found['load_average']:>6.1f}"
    )


def said(who: str, found: Mapping[str, Any]) -> str:
    """The line of ratios."""
    if "online_ratio" not in found:
        return f"{'':17}no ratio"
    return f"{'':17}{who} / ppc: online {found['online_ratio']:.1f}, offline and online {found['total_ratio']:.1f}"
