# SPDX-License-Identifier: MIT
"""From runs to a table and a plot.

Ratios are formed inside one round, where the systems ran within a minute of
one another, and then the median over the rounds is taken. The limit of a round
is the better of its limit runs; the best peer that with the most egress.
A run counts if the machine was in the same state before and after it as in its
best (machine.Probe). A system that has no such run is shown with all its runs,
marked '*'.
"""
import statistics
import subprocess


def steady(run, best_ns, slack):
    trips = [run["line_before_ns"], run["line_after_ns"]]
    return best_ns is None or all(t == 0 or t <= slack * best_ns for t in trips)


def select(runs, best_ns, slack):
    """The runs that count, by (receivers, system), and who has none."""
    chosen, starred = {}, set()
    for run in runs:
        if "error" not in run:
            chosen.setdefault((run["receivers"], run["system"]), []).append(run)
    for key, mine in chosen.items():
        good = [run for run in mine if steady(run, best_ns, slack)]
        if good:
            chosen[key] = good
        else:
            starred.add(key)
    return chosen, starred


def best_of(chosen, receivers, round_number, kind):
    found = [run for (n, _), mine in chosen.items() if n == receivers
             for run in mine
             if run["round"] == round_number and run["kind"] == kind]
    return max(found, key=lambda run: run["egress_gbit_s"], default=None)


def ratios(chosen, run):
    """(egress to limit, egress to best peer, CPU per Gbit to best peer)"""
    limit = best_of(chosen, run["receivers"], run["round"], "limit")
    peer = best_of(chosen, run["receivers"], run["round"], "peer")

    def divide(field, other):
        if other is None or not other[field]:
            return None
        return run[field] / other[field]
    return (divide("egress_gbit_s", limit), divide("egress_gbit_s", peer),
            divide("server_cpu_s_per_gbit", peer))


def spread(values):
    return min(values), statistics.median(values), max(values)


def summarize(runs, names, best_ns, slack):
    chosen, starred = select(runs, best_ns, slack)
    rows = []
    for receivers in sorted({run["receivers"] for run in runs}):
        for name in names:
            mine = chosen.get((receivers, name))
            tried = [run for run in runs if run["system"] == name
                     and run["receivers"] == receivers]
            if not mine:
                if tried:
                    rows.append({"system": name, "receivers": receivers,
                                 "rounds": 0, "error": tried[-1]["error"]})
                continue
            against = [ratios(chosen, run) for run in mine]
            rows.append({
                "system": name, "receivers": receivers, "rounds": len(mine),
                "of_rounds": len(tried),
                "unsteady": (receivers, name) in starred,
                "egress_gbit_s": spread([r["egress_gbit_s"] for r in mine]),
                "cpu_s_per_gbit": spread(
                    [r["server_cpu_s_per_gbit"] for r in mine]),
                "ratios": [
                    statistics.median(values) if values else None
                    for values in ([a[i] for a in against if a[i] is not None]
                                   for i in range(3))],
            })
    return rows


def table(rows):
    out = ["                          egress Gbit/s         server CPU s/Gbit"
           "       egress / egress /  CPU /  ",
           "system          N rounds  min  median     max     min  median     "
           "max  limit   best peer best peer"]
    for row in rows:
        start = f"{row['system']:<14}{row['receivers']:>3} "
        if not row["rounds"]:
            out.append(f"{start}failed: {row['error']}")
            continue
        egress = " ".join(f"{v:7.2f}" for v in row["egress_gbit_s"])
        cpu = " ".join(f"{v:7.4f}" for v in row["cpu_s_per_gbit"])
        ratio = " ".join("      -" if v is None else f"{v:7.2f}"
                         for v in row["ratios"])
        mark = "*" if row["unsteady"] else " "
        out.append(f"{start}{row['rounds']:>2}/{row['of_rounds']}{mark}"
                   f"{egress} {cpu} {ratio}")
    if any(row.get("unsteady") for row in rows):
        out.append("* only runs in which the machine was not in its best state")
    return "\n".join(out)


def plot(rows, path):
    """PATH.gp and PATH.png: egress against receivers. False: no gnuplot."""
    names = list(dict.fromkeys(r["system"] for r in rows if r["rounds"]))
    lines = ["set terminal pngcairo size 1000,640",
             f"set output '{path}.png'",
             "set title 'Fan-out over loopback TCP: median, min and max'",
             "set xlabel 'receivers'", "set ylabel 'egress, Gbit/s'",
             "set logscale x 2", "set yrange [0:]", "set grid",
             "set key outside right"]
    for number, name in enumerate(names):
        lines.append(f"$s{number} << EOD")
        for row in rows:
            if row["system"] == name and row["rounds"]:
                low, middle, high = row["egress_gbit_s"]
                lines.append(f"{row['receivers']} {middle} {low} {high}")
        lines.append("EOD")
    lines.append("plot " + ", ".join(
        f"$s{number} with yerrorlines title '{name}'"
        for number, name in enumerate(names)))
    with open(path + ".gp", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    try:
        return subprocess.run(["gnuplot", path + ".gp"], check=False,
                              timeout=60).returncode == 0
    except FileNotFoundError:
        return False
