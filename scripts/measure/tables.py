"""The figures of scripts/bench as tables for people."""

import statistics


def runs_of(figures, measure, flows, setting=None, command=None, arguments=()):
    """Values by run of the figures that are meant."""
    return {figure["run"]: figure["value"] for figure in figures
            if figure["measure"] == measure and figure["flows"] == flows and setting in (None, figure["setting"])
            and command in (None, figure["command"]) and all(word in figure["arguments"] for word in arguments)}


def median(values):
    values = list(values)
    return statistics.median(values) if values else float("nan")


def journeys(figures):
    """One entry for each (encapsulation, flows, order, mappings): what its runs gave, floor and physics beside it."""
    entries = {}
    for figure in figures:
        if figure["measure"] != "journey":
            continue
        encapsulation, direction, order = figure["setting"].split(" ", 2)
        mappings = option(figure["arguments"], "--mappings", "1")
        key = (encapsulation, figure["flows"], order, int(mappings))
        entries.setdefault(key, {}).setdefault(direction, {})[figure["run"]] = figure["value"]
    return {key: with_floor(figures, key, directions) for key, directions in entries.items()}


def option(arguments, name, default):
    return arguments[arguments.index(name) + 1] if name in arguments else default


def with_floor(figures, key, directions):
    encapsulation, flows, order, mappings = key
    mine = [figure for figure in figures if figure["command"] == "journey" and figure["flows"] == flows
            and option(figure["arguments"], "--encapsulation", "plain") == encapsulation
            and int(option(figure["arguments"], "--mappings", "1")) == mappings]
    physics = runs_of(mine, "physics", flows)
    rows = []
    for run in directions["outbound"]:
        floors = {direction: runs_of(mine, "floor", flows, f"{encapsulation} {direction} {order}")[run]
                  for direction in directions}
        raw = {direction: directions[direction][run] for direction in directions}
        net = statistics.mean(raw[direction] - floors[direction] for direction in directions)
        rows.append({"raw": raw, "floor": statistics.mean(floors.values()), "net": net, "physics": physics[run],
                     "ratio": net / physics[run]})
    return {"outbound": median(row["raw"]["outbound"] for row in rows),
            "inbound": median(row["raw"]["inbound"] for row in rows),
            **{name: median(row[name] for row in rows) for name in ("floor", "net", "physics", "ratio")}}


def count(number):
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if number >= size:
            return f"{number / size:g} {letter}" if number % size == 0 else f"{number / 1024:g} k"
    return str(number)


def journey_table(figures, tsc_hz):
    entries = journeys(figures)
    if not entries:
        return []
    lines = ["Journey, TSC cycles per packet (the net figure is the mean of both directions without the floor)", "",
             f"{'on both sides':<14}{'flows':>8}{'mappings':>10}  {'order':<10}{'outbound':>9}{'inbound':>9}{'floor':>7}{'net':>8}"
             f"{'physics':>9}{'ratio':>7}{'Mpps':>7}"]
    for (encapsulation, flows, order, mappings), entry in sorted(entries.items()):
        raw = (entry["outbound"] + entry["inbound"]) / 2
        lines.append(f"{encapsulation:<14}{count(flows):>8}{count(mappings):>10}  {order:<10}{entry['outbound']:>9.0f}"
                     f"{entry['inbound']:>9.0f}{entry['floor']:>7.0f}{entry['net']:>8.0f}{entry['physics']:>9.0f}"
                     f"{entry['ratio']:>7.2f}{tsc_hz / raw / 1e6:>7.1f}")
    return lines + [""]


def settings_of(figures, measures):
    """(measure, setting, flows) of the figures that are meant, in their order."""
    return dict.fromkeys((figure["measure"], figure["setting"], figure["flows"]) for figure in figures
                         if figure["measure"] in measures)


def opening_table(figures, tsc_hz):
    lines = []
    for measure, setting, flows in settings_of(figures, ["opening", "one remote", "connection"]):
        cycles = runs_of(figures, measure, flows, setting)
        if measure == "opening":
            floors = runs_of(figures, "floor", flows, f"opening {setting}")
            net = median(value - floors[run] for run, value in cycles.items())
            lines.append(f"{setting:<28}{count(flows):>10} there {net:>9.0f} cycles {tsc_hz / net / 1e6:>7.2f} M/s")
        else:
            lines.append(f"{measure + ', ' + setting:<44} {median(cycles.values()):>9.0f} cycles")
    return ["New flows, one core", ""] + lines + last_ports_line(figures) + [""] if lines else []


def last_ports_line(figures):
    first, last = ({figure["run"]: figure["value"] for figure in figures
                    if (figure["measure"], figure["setting"]) == ("one remote", f"{which} hundredth")}
                   for which in ("first", "last"))
    ratios = [last[run] / value for run, value in first.items()]
    return [f"{'one remote, the last against the first':<44} {median(ratios):>9.2f} times"] if ratios else []


def stage_table(figures):
    cells = {}
    for figure in figures:
        if figure["measure"] != "stage":
            continue
        encapsulation, direction, stage = figure["setting"].split(" ", 2)
        cells.setdefault((encapsulation, figure["flows"], direction), {}).setdefault(stage, []).append(figure["value"])
    if not cells:
        return []
    names = list(next(iter(cells.values())))
    lines = ["Where they go, TSC cycles per packet (what receive, transmit and the rounds themselves take is not in it)", "",
             f"{'on both sides':<14}{'flows':>8}  {'':<10}" + "".join(f"{name:>11}" for name in names)]
    for (encapsulation, flows, direction), stages in sorted(cells.items()):
        lines.append(f"{encapsulation:<14}{count(flows):>8}  {direction:<10}"
                     + "".join(f"{median(stages[name]):>11.1f}" for name in names))
    return lines + [""]


def peers_table(figures, tsc_hz):
    """Cycles per packet outbound, all that the core does; ours beside, of the same run's machine, and the ratio."""
    lines = []
    for peer, flows in dict.fromkeys((figure["setting"], figure["flows"]) for figure in figures if figure["measure"] == "peer"):
        cycles, opened, lost = (median(runs_of(figures, measure, flows, peer).values())
                                for measure in ("peer", "peer opening", "peer lost"))
        wrong = list(runs_of(figures, "peer wrong", flows, peer).values())
        ours = median(runs_of(figures, "journey", flows, "plain outbound uniform").values())
        lines.append(f"{peer:<18}{count(flows):>8}{cycles:>9.0f}{tsc_hz / cycles / 1e6:>8.2f}{tsc_hz / opened / 1e6:>12.2f}"
                     f"{lost:>10.0f}{(f'{median(wrong):.0f}' if wrong else '-'):>12}{ours:>9.0f}{cycles / ours:>8.1f}")
    head = (f"{'':<18}{'flows':>8}{'cycles':>9}{'Mpps':>8}{'M opened/s':>12}{'lost':>10}{'wrong of 1 M':>14}"
            f"{'ours':>7}{'ratio':>8}")
    return ["Peers, one core each, plain, outbound", "", head] + lines + [""] if lines else []


def plain_table(figures, measures, title):
    lines = []
    for measure, setting, flows in settings_of(figures, measures):
        units = {figure["unit"] for figure in figures if (figure["measure"], figure["setting"]) == (measure, setting)}
        value = median(runs_of(figures, measure, flows, setting).values())
        lines.append(f"{measure:<14}{setting:<34}{count(flows):>10} {value:>12.2f} {' '.join(units)}")
    return [title, ""] + lines + [""] if lines else []


def workers_table(figures):
    """And what two do against one, run for run: the data plane, and the bare tables on the same cores."""
    lines = plain_table(figures, ["physics rate", "rate", "handed over"], "Workers")
    for suffix in ("", ", one queue"):
        rates = {(measure, workers): runs_of(figures, measure, flows, setting)
                 for measure, setting, flows in settings_of(figures, ["physics rate", "rate"])
                 for workers in ("1 worker", "2 workers") if setting == workers + suffix}
        if not rates:
            continue
        ours, bare = (median(rates[measure, "2 workers"][run] / one for run, one in rates[measure, "1 worker"].items())
                      for measure in ("rate", "physics rate"))
        lines.insert(-1, f"two workers{suffix}: {ours:.2f} times one; bare tables {bare:.2f} times")
    return lines


def text(figures, about):
    lines = [f"{about['processor']}, {about['cpus']} CPUs, {about['tsc_hz'] / 1e9:.2f} GHz TSC, DPDK {about['dpdk']}, "
             f"{about['pages']} pages, pinned to CPU {about['pinned_to']}, load before {about['load_before']:.2f}, "
             f"{about['date']}", ""]
    lines += journey_table(figures, about["tsc_hz"])
    lines += stage_table(figures)
    lines += opening_table(figures, about["tsc_hz"])
    lines += plain_table(figures, ["expiry", "closing"],
                         "A million flows expire, or are closed with their mappings, while others are forwarded")
    lines += plain_table(figures, ["latency"], "Added latency, from the time a packet was due")
    lines += plain_table(figures, ["memory"], "Memory, all in")
    lines += workers_table(figures)
    lines += plain_table(figures, ["alone", "flood packet", "rate left"],
                         "One tenant's flood beside as many packets of another's open flows, the NAT alone")
    lines += plain_table(figures, ["reload"], "The table is replaced while packets are forwarded (flows: mappings)")
    lines += plain_table(figures, ["search"], "Between two processes, after RFC 9693; the device and the other process are part of it")
    lines += peers_table(figures, about["tsc_hz"])
    lines += [f"not measured: {reason}" for reason in about["not_measured"]]
    return "\n".join(lines)
