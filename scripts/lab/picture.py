"""The picture of a cold start's measurement: how long environments took, and how many interfaces there were meanwhile.

Drawn by gnuplot from the JSON that `hypernat coldstart --write-json` writes.
"""

import json
import pathlib

import machine

COLOURS = {"shared": "#0b7a75", "per-environment": "#c8553d"}
MODELLED = "#e9b8a8"
LABELS = {"shared": "shared interfaces", "per-environment": "an interface for each environment"}
TERMINALS = {".svg": "svg size 900,760 font 'DejaVu Sans,13' background '#ffffff'",
             ".png": "pngcairo size 1350,1140 font 'DejaVu Sans,13' fontscale 1.35 linewidth 1.5 background '#ffffff'"}


def distribution(values):
    """Lines of 'value, share of the samples that took no longer'."""
    values = sorted(values)
    return "".join(f"{value} {number / len(values)}\n" for number, value in enumerate(values, 1))


def write_data(result, folder):
    """The series of one mode, as files; the curves that a plot of them needs."""
    mode = result["Mode"]
    answered = [sample for sample in result["Samples"] if "Failure" not in sample]
    measured = [sample["MeasuredMilliseconds"] for sample in answered]
    modelled = [sample["Milliseconds"]["provisioning, modelled"] for sample in answered]
    data = {"measured": distribution(measured),
            "interfaces": "".join(f"{count['Milliseconds'] / 1000} {count['Interfaces']}\n" for count in result["Interfaces"])}
    if any(modelled):
        data["whole"] = distribution([sum(pair) for pair in zip(measured, modelled)])
    for name, text in data.items():
        (folder / f"{mode}-{name}.dat").write_text(text, encoding="ascii")
    return data.keys()


def curves(result, folder):
    mode, names = result["Mode"], write_data(result, folder)
    colour, label = COLOURS[mode], LABELS[mode]
    lines = [f"'{folder}/{mode}-measured.dat' with steps lw 2.5 lc rgb '{colour}' title '{label}: measured'"]
    if "whole" in names:
        lines.append(f"'{folder}/{mode}-whole.dat' with steps lw 2.5 lc rgb '{MODELLED}' "
                     f"title '{label}: with the modelled provisioning'")
    interfaces = f"'{folder}/{mode}-interfaces.dat' with steps lw 2.5 lc rgb '{colour}' title '{label}'"
    return lines, interfaces


def script(report, folder):
    distributions, interfaces = [], []
    for result in report["Modes"]:
        lines, counts = curves(result, folder)
        distributions += lines
        interfaces.insert(0, counts)  # the first mode on top: it may lie on the axis
    return f"""set multiplot layout 2,1 margins 0.10,0.96,0.09,0.93 spacing 0.17
set border 3 lc rgb '#606060'
set tics nomirror textcolor rgb '#404040'
set grid lc rgb '#d8d8d8' lw 1
set key left top Left reverse samplen 2
set title '{report["Count"]} cold starts: from invocation to the first byte of an HTTP answer' font ',15'
set logscale x
set xlabel 'milliseconds'
set ylabel 'share of environments' offset 1,0
set yrange [0:1.35]
set ytics 0,0.25,1
plot {', '.join(distributions)}
unset logscale x
set title 'Interfaces in the tenants'' subnets meanwhile' font ',15'
set xlabel 'seconds'
set ylabel 'interfaces'
set yrange [0:*]
set ytics auto
set key right top noreverse Right
plot {', '.join(interfaces)}
unset multiplot
"""


def draw(json_file, pictures, folder):
    """Draws one measurement into several files, whose endings say what they shall be; `folder` is for the series."""
    report = json.loads(pathlib.Path(json_file).read_text(encoding="utf-8"))
    body = script(report, pathlib.Path(folder))
    for picture in pictures:
        program = f"set terminal {TERMINALS[picture.suffix]}\nset output '{picture}'\n{body}"
        machine.run("gnuplot", "-", input=program)
