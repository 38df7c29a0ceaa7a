# SPDX-License-Identifier: MIT
"""From runs to a table and a plot.

Ratios are formed inside one round, where the systems ran within a minute of
one another, and then the median over the rounds is taken. The limit is that
limit program, the best peer that peer, which has the best median of its kind.
The best peer with messages of at most 64 KiB is shown as well: larger ones are
rare in practice, and what the application must wait to fill.
A run counts if the machine was in the same state before and after it as in its
best (machine.Probe), and no other process took part in it. A system that has no such run is shown with all its runs,
marked '*'.
"""
import statistics
import subprocess


OTHERS_SHARE = 0.1


def steady(run, best_ns, slack):
    """Same distance of processors as at best, and nobody else at work."""
    trips = [run["line_before_ns"], run["line_after_ns"]]
    near = best_ns is None or all(t == 0 or t <= slack * best_ns for t in trips)
    return near and run["other_cpu_s"] <= OTHERS_SHARE * run["seconds"]


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


def best_of(chosen, receivers, wanted):
    """The runs, by round, of the system with the best median of a kind."""
    best, best_median = {}, -1.0
    for (n, _), mine in chosen.items():
        if n != receivers or not wanted(mine[0]):
            continue
        median = statistics.median(run["egress_gbit_s"] for run in mine)
        if median > best_median:
            best, best_median = {run["round"]: run for run in mine}, median
    return best


def is_limit(run):
    return run["kind"] == "limit"


def is_peer(run):
    return run["kind"] == "peer"


def is_peer_64k(run):
    return is_peer(run) and (run["protocol"] == "raw" or
                             run["message_bytes"] <= 65536)


# Columns: which field, divided by that of the best of which runs.
RATIOS = [("egress_gbit_s", is_limit),
          ("egress_gbit_s", is_peer), ("server_cpu_s_per_gbit", is_peer),
          ("egress_gbit_s", is_peer_64k),
          ("server_cpu_s_per_gbit", is_peer_64k)]


def ratios(chosen, mine):
    """Medians of RATIOS over the rounds that have both; None: there is none."""
    out = []
    for field, wanted in RATIOS:
        other = best_of(chosen, mine[0]["receivers"], wanted)
        values = [run[field] / other[run["round"]][field] for run in mine
                  if run["round"] in other and other[run["round"]][field]]
        out.append(statistics.median(values) if values else None)
    return out


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
            rows.append({
                "system": name, "receivers": receivers, "rounds": len(mine),
                "of_rounds": len(tried),
                "unsteady": (receivers, name) in starred,
                "egress_gbit_s": spread([r["egress_gbit_s"] for r in mine]),
                "cpu_s_per_gbit": spread(
                    [r["server_cpu_s_per_gbit"] for r in mine]),
                "ratios": ratios(chosen, mine),
            })
    return rows


def table(rows):
    out = ["                               egress Gbit/s          "
           "server CPU s/Gbit     limit  best peer    peer <=64K",
           "system             N rounds    min  median     max     min  "
           "median     max  egress egress  CPU  egress  CPU"]
    for row in rows:
        start = f"{row['system']:<17}{row['receivers']:>3} "
        if not row["rounds"]:
            out.append(f"{start}failed: {row['error']}")
            continue
        egress = " ".join(f"{v:7.2f}" for v in row["egress_gbit_s"])
        cpu = " ".join(f"{v:7.4f}" for v in row["cpu_s_per_gbit"])
        ratio = " ".join("     -" if v is None else f"{v:6.2f}"
                         for v in row["ratios"])
        mark = "*" if row["unsteady"] else " "
        out.append(f"{start}{row['rounds']:>2}/{row['of_rounds']}{mark}"
                   f"{egress} {cpu} {ratio}")
    if any(row.get("unsteady") for row in rows):
        out.append("* only disturbed runs: machine in a worse state, or others at work")
    return "\n".join(out)


def plot(rows, path):
    """PATH.gp and PATH.png: egress against receivers. False: no gnuplot."""
    names = list(dict.fromkeys(r["system"] for r in rows if r["rounds"]))
    lines = ["set terminal pngcairo noenhanced size 1000,640",
             f"set output '{path}.png'",
             "set title 'Fan-out over loopback TCP: median, min and max'",
             "set xlabel 'receivers'", "set ylabel 'egress, Gbit/s'",
             "set logscale x 2", "set yrange [0:]", "set grid",
             "set key outside right", "set xrange [0.9:*]"]
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
