"""The picture of scripts/bench: cycles per packet over the number of flows, beside the physics; drawn by gnuplot."""

import subprocess
import tempfile

import tables

COLOURS = {"plain": "#0b7a75", "vlan": "#c8553d", "vxlan": "#6a4c93"}
TERMINALS = {"svg": "svg size 900,520 font 'DejaVu Sans,13' background '#ffffff'",
             "png": "pngcairo size 1350,780 font 'DejaVu Sans,13' fontscale 1.35 linewidth 1.5 background '#ffffff'"}


def series(entries, encapsulation, name):
    return "".join(f"{flows} {entry[name]:.1f}\n" for (kind, flows, order, mappings), entry in sorted(entries.items())
                   if kind == encapsulation and order == "uniform" and mappings == 1)


def draw(figures, about, folder):
    entries = tables.journeys(figures)
    if not entries:
        return
    with tempfile.TemporaryDirectory(prefix="hypernat-bench.") as data:
        curves = []
        for encapsulation, colour in COLOURS.items():
            text = series(entries, encapsulation, "net")
            if not text:
                continue
            with open(f"{data}/{encapsulation}.dat", "w", encoding="ascii") as file:
                file.write(text)
            curves.append(f"'{data}/{encapsulation}.dat' with linespoints lw 2.5 pt 7 lc rgb '{colour}' "
                          f"title '{encapsulation} on both sides'")
        with open(f"{data}/physics.dat", "w", encoding="ascii") as file:
            file.write(series(entries, "plain", "physics") or series(entries, "vxlan", "physics"))
        curves.append(f"'{data}/physics.dat' with linespoints dt 2 lw 2.5 pt 6 lc rgb '#606060' "
                      f"title 'rte\\_hash bulk lookup and one 64-byte entry, nothing else'")
        for ending, terminal in TERMINALS.items():
            program = f"""set terminal {terminal}
set output '{folder}/bench.{ending}'
set border 3 lc rgb '#606060'
set tics nomirror textcolor rgb '#404040'
set grid lc rgb '#d8d8d8' lw 1
set key left top Left reverse samplen 2
set title 'A packet of an open flow, 64-byte frames, one core ({about["tsc_hz"] / 1e9:.1f} GHz)' font ',15'
set logscale x
set format x '%.0s %c'
set xlabel 'open flows, uniformly random'
set ylabel 'TSC cycles per packet, without the port'
set yrange [0:*]
plot {', '.join(curves)}
"""
            subprocess.run(["gnuplot", "-"], input=program, text=True, check=True)
